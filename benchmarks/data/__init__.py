"""Data channels: this library and its alternatives, each in two processes, in alternating rounds."""
