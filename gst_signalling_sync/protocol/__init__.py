"""The signalling protocol without I/O and without a clock: its messages, and the server's decisions about them."""
