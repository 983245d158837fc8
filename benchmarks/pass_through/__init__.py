"""A file or camera that is H264 already, to several consumers: sending it as it is, compared with encoding it again."""
