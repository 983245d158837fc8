"""Hardware encoders, tested with a stand-in."""
