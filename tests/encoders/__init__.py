"""Encoders in hardware, by one that stands in for them."""
