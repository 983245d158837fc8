"""Data channels: messages, the control channel, broadcasts, and the ages of messages."""
