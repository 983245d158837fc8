"""Video and audio in sessions, and the parts that they are made of."""
