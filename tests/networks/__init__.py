"""How sessions find their path through networks: relays, firewalls, and machines with many addresses."""
