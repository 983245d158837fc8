"""Event loops, callbacks, forks, exits and interrupts."""
