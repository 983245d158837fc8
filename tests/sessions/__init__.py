"""Sessions between producers and consumers, their life, their statistics, and the quality of their link."""
