"""Recordings: their files, and the life of a `Recorder`."""
