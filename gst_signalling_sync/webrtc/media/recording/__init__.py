"""Recordings: received tracks are written to files."""
