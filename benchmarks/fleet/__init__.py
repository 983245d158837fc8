"""A fleet of clients that all lose their signalling server: when each of them is back."""
