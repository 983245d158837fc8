"""Each codec: the bytes of its RTP payloads, and the reassembly of its frames."""
