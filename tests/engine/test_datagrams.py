from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.engine.datagrams import MAX_DATAGRAM, datagrams_of, record_bytes, runs_of

sizes = st.lists(st.integers(min_value=1, max_value=5), min_size=1, max_size=100)


def record(size: int) -> bytes:
    """A DTLS record with a payload of a number of bytes."""
    return bytes(11) + size.to_bytes(2, "big") + bytes([size % 256]) * size


@given(sizes=sizes)
def test_runs_have_all_packets_in_order(sizes: list[int]) -> None:
    packets = [bytes(size) for size in sizes]

    assert [packet for run in runs_of(packets) for packet in run] == packets


@given(sizes=sizes)
def test_only_the_last_packet_of_a_run_is_smaller_than_the_others(sizes: list[int]) -> None:
    for run in runs_of([bytes(size) for size in sizes]):
        first = len(run[0])

        assert {len(packet) for packet in run[:-1]} <= {first}
        assert len(run[-1]) <= first


def test_long_run_is_split() -> None:
    assert [len(run) for run in runs_of([b"same"] * 70)] == [32, 32, 6]


def test_size_of_a_record_includes_its_header() -> None:
    assert record_bytes(record(300) + record(5)) == 313


@given(sizes=st.lists(st.integers(min_value=0, max_value=MAX_DATAGRAM - 13), min_size=1, max_size=20))
def test_datagrams_have_whole_records_in_order(sizes: list[int]) -> None:
    records = [record(size) for size in sizes]

    datagrams = datagrams_of(b"".join(records))

    assert b"".join(datagrams) == b"".join(records)
    assert all(0 < len(datagram) <= MAX_DATAGRAM for datagram in datagrams)
    assert all(each in datagram for each, datagram in zip(records, _datagram_of_each(records, datagrams), strict=True))


def _datagram_of_each(records: list[bytes], datagrams: list[bytes]) -> list[bytes]:
    """The datagram in which each record begins."""
    ends = [sum(map(len, datagrams[: number + 1])) for number in range(len(datagrams))]
    begins = [sum(map(len, records[:number])) for number in range(len(records))]
    return [datagrams[next(number for number, end in enumerate(ends) if begin < end)] for begin in begins]


def test_small_records_share_a_datagram() -> None:
    assert len(datagrams_of(record(100) * 5)) == 1


def test_record_without_room_begins_another_datagram() -> None:
    assert [len(datagram) for datagram in datagrams_of(record(600) + record(600))] == [613, 613]
