"""The real peers that the interop tests run against."""
