"""Tests of gst_signalling_sync."""
