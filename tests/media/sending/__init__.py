"""A source from written frames and samples to RTP packets."""
