"""Servers, peers and arguments that break the rules: each causes a clear error, or is dropped with a line in the log."""
