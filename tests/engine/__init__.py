"""The engine below sessions and signalling: two peer connections on one event loop."""
