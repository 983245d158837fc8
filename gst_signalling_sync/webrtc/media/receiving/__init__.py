"""Packets become frames of video, and sound: the receiver of each track, and what users read from."""
