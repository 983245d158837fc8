"""Files and streams that a `Player` sends."""
