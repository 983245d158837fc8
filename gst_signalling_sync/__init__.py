"""WebRTC from ordinary, threaded Python."""
