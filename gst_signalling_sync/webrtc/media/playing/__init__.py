"""Playing: files, cameras and streams as sources."""
