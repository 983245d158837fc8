"""Measures this library against bare aiortc, gst-signalling and the reference server: ``python -m benchmarks --help``."""
