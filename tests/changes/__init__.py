"""Tracks that come, pause and go while a session runs."""
