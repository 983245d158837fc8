"""Received media: the RTP receiver of each track, its decoder, and the classes from which users read."""
