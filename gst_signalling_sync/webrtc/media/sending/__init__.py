"""Sent media: sources that encode once for all sessions, and the sender of each session."""
