"""``python -m gst_signalling_sync.cli``."""

from . import main

main()
