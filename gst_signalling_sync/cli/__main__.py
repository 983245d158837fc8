"""``python -m gst_signalling_sync.cli``."""

from .entry import run

run()
