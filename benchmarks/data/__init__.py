"""Data channels: this library beside what it is measured against, each two processes, in alternating rounds."""
