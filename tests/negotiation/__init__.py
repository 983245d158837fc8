"""Media sections that one end cannot use."""
