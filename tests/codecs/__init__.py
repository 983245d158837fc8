"""Each codec: its RTP payloads byte by byte, and what becomes of its frames."""
