"""What becomes of media sections that one end cannot use."""
