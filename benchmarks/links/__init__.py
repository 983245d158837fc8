"""Video over thin and lossy links, this library's and the real peers' side by side: ``python -m benchmarks links``."""
