"""Tracks that are added, paused and removed while a session runs."""
