"""`shrunk`: dicts give back the memory of removed items."""

from __future__ import annotations

import sys

from gst_signalling_sync.protocol.tables import shrunk


def after_crowds(residents: int, crowd: int, times: int) -> dict[str, int]:
    """A dict whose residents stayed while crowds came and went."""
    table = {f"resident {number}": number for number in range(residents)}
    for _ in range(times):
        table |= {f"stranger {number}": number for number in range(crowd)}
        for number in range(crowd):
            del table[f"stranger {number}"]
    return table


def test_shrunk_dict_has_the_same_items_in_the_same_order() -> None:
    table = after_crowds(100, 1000, 1)

    assert list(shrunk(table).items()) == list(table.items())


def test_shrunk_dict_is_as_small_as_one_without_a_history() -> None:
    table = after_crowds(1000, 2000, 3)

    assert sys.getsizeof(shrunk(table)) == sys.getsizeof(after_crowds(1000, 0, 0)) < sys.getsizeof(table)


def test_shrunk_dict_takes_a_crowd_without_growing_beyond_it() -> None:
    table = after_crowds(1000, 300, 0)
    once = sys.getsizeof(table)
    for _ in range(20):
        table |= {f"stranger {number}": number for number in range(300)}
        for number in range(300):
            del table[f"stranger {number}"]
        table = shrunk(table)

    assert sys.getsizeof(table) == once
