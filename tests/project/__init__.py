"""The repository: its public API, imports, words, metadata, and the way its tests run."""
