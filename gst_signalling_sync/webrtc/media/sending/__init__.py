"""Sent media: sources that encode once or twice for all sessions, and the sender of each session."""
