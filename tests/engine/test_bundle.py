from __future__ import annotations

from gst_signalling_sync.webrtc.engine.bundle import bundled_mids


def test_bundle_begins_with_the_tagged_section() -> None:
    assert bundled_mids("v=0\r\na=group:BUNDLE video data\r\nm=video 9\r\n") == ["video", "data"]


def test_description_without_a_bundle_has_no_mids() -> None:
    assert bundled_mids("v=0\r\na=group:LS video audio\r\nm=video 9\r\n") == []


def test_only_the_first_bundle_counts() -> None:
    assert bundled_mids("a=group:BUNDLE 0 1\r\na=group:BUNDLE 2\r\n") == ["0", "1"]
