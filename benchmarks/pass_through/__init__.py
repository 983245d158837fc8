"""A film or a camera that is H264 already, to several consumers: sent as it is, beside decoding and encoding it again."""
