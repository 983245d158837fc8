"""The messages of STUN and TURN, and the core of a relay in simulated time."""
