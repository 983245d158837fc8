"""Sessions with the real peers: GStreamer, Chromium, and earlier versions of this library."""
