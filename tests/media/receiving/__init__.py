"""A track from its RTP packets to frames and samples."""
