"""A fleet of clients that are cut off from their signalling server at once: when each of them is back."""
