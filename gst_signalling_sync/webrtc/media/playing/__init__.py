"""Files, cameras and streams as sources."""
