"""`gst_signalling_sync.testing`, which users' tests import."""
