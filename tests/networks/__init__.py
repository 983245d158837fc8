"""How sessions find their way through networks: relays, firewalls, and machines with many addresses."""
