"""aiortc and aioice as the rest of this library uses them. Only this package uses their private names.

It adds what they lack, and replaces what is slow, for one peer connection at a time: that connection's objects get classes of
this package. Other users of aiortc in the process are not affected. `contract` lists every name that this relies on, and
``tests/engine/test_aiortc_contract.py`` fails when an update changes one.
"""
