"""The engine below sessions and signalling: two peer connections in one event loop."""
