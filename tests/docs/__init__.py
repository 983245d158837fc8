"""The documentation is true: its programs run, its tables are those of the code, and its pages lead to answers."""
