"""The WebRTC layer: sessions and data channels on aiortc. Nothing outside it imports `aiortc` or `av`."""
