"""What is received becomes a file."""
