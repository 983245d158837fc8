"""``python -m gst_signalling_sync``: the command ``gst-signalling-sync``."""

from .cli.entry import run

run()
