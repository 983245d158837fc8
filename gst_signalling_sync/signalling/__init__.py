"""The signalling layer: connections to a server, requests and their answers, and one-shot look-ups."""

from .client import DEFAULT_TIMEOUT, SignallingClient
from .lookup import find_producer, list_consumers, list_producers

__all__ = ["DEFAULT_TIMEOUT", "SignallingClient", "find_producer", "list_consumers", "list_producers"]
