"""The real peers for the interoperability tests."""
