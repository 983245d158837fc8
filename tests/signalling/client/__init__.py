"""`SignallingClient`: every method and every signal, on both signalling servers."""
