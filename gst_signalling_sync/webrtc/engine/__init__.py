"""aiortc and aioice as the rest of this library uses them: the only package that touches their private names.

What they leave out or do slowly, it changes for one peer connection at a time, by giving that connection's objects classes of
its own. Whoever else uses aiortc in the process notices nothing. `contract` lists every name that this relies on, and
``tests/test_aiortc_contract.py`` fails when an update changes one.
"""
