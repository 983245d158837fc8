"""Video over thin and lossy links, of this library and of the real peers: ``python -m benchmarks links``."""
