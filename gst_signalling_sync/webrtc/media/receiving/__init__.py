"""Packets become frames, pictures and sound: the receiver of each track, and what users read from."""
