"""The programs in `examples/`, run as users run them, and under the servers that they are deployed with."""
