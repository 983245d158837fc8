"""The cores of the signalling protocol, in simulated time: messages, registry, leases, quotas and permissions."""
