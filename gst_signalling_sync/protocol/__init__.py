"""The signalling protocol without I/O: its messages, and the server's decisions about them."""
