"""Answers that refuse one of our sections, or are invalid for it: the rest of the session goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from gst_signalling_sync import Producer, SignallingServer, connect

from ..helpers.filming import filming
from ..helpers.media import has_colour_bars
from ..helpers.peer_ids import id_of
from ..helpers.waiting import Heard, wait_until
from .edited_peer import AnsweringPeer

Edit = Callable[[list[str]], list[str]]


def refused(section: str) -> str:
    """A section as a browser's answer refuses it."""
    mid = re.search("^a=mid:.*$", section, re.MULTILINE)
    assert mid is not None
    first = re.sub("^(m=[a-z]+) [0-9]+", r"\1 0", section.splitlines()[0])
    return f"{first}\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n{mid[0]}\r\n"


WITHOUT_VIDEO: dict[str, Edit] = {
    "refuses it": lambda sections: [refused(sections[0]), *sections[1:]],
    "refuses it with everything else that is in a section": lambda sections: [
        re.sub("^m=video [0-9]+", "m=video 0", sections[0]),
        *sections[1:],
    ],
    "accepts it in codecs that were not offered": lambda sections: [
        sections[0].replace("VP8/90000", "H263-1998/90000").replace("H264/90000", "H266/90000"),
        *sections[1:],
    ],
    "answers without a way to get there": lambda sections: [
        re.sub("^a=ice-pwd:.*\r\n", "", refused(sections[0]).replace("video 0", "video 9"), flags=re.MULTILINE),
        *sections[1:],
    ],
    "answers another kind of media": lambda sections: [sections[0].replace("m=video", "m=audio"), *sections[1:]],
    "answers with another identifier": lambda sections: [sections[0].replace("a=mid:0", "a=mid:x"), *sections[1:]],
    "cannot be read": lambda sections: [sections[0] + "a=extmap:\r\n", *sections[1:]],
}


@pytest.fixture
def producer(embedded_server: SignallingServer) -> Iterator[Producer]:
    with Producer(embedded_server.uri, name="robot") as producer:
        producer.add_channel("data")
        yield producer


@pytest.mark.parametrize("kind", WITHOUT_VIDEO)
def test_answer_without_video_has_the_data_channels(producer: Producer, kind: str) -> None:
    with filming(producer.add_video()), AnsweringPeer(producer.uri, WITHOUT_VIDEO[kind]) as peer:
        started = Heard(producer.session_started)
        peer.client.start_session(id_of(producer))
        session = started.next()["session"]

        session.channel("data").send("the rest goes on")

        assert peer.messages.get(timeout=10) == "the rest goes on"
        assert session.state == "connected"


def test_other_sessions_see_on_where_one_refuses_the_video(producer: Producer) -> None:
    with filming(producer.add_video()), connect(producer.uri, name="robot") as session:
        with AnsweringPeer(producer.uri, WITHOUT_VIDEO["refuses it"]) as peer:
            started = Heard(producer.session_started)
            peer.client.start_session(id_of(producer))
            started.next()

        assert has_colour_bars(session.video.read())


def test_answer_without_data_closes_the_data_channels(producer: Producer) -> None:
    video = producer.add_video()
    with filming(video), AnsweringPeer(producer.uri, lambda sections: [sections[0], refused(sections[1])]) as peer:
        started = Heard(producer.session_started)
        peer.client.start_session(id_of(producer))
        session = started.next()["session"]

        wait_until(lambda: not session.channels, "the channel is closed")
        assert session.state == "connected"
        wait_until(lambda: video.frames_encoded > 2, "video is sent")


def test_answer_that_refuses_everything_ends_the_session(producer: Producer) -> None:
    with AnsweringPeer(producer.uri, lambda sections: [refused(section) for section in sections]) as peer:
        ended = Heard(producer.session_ended)
        peer.client.start_session(id_of(producer))

        assert "unusable answer from the peer: the peer refuses it" in str(ended.next()["error"])
