"""Faults outside of a program: peers that freeze or die, cables that are pulled, connections that break.

Each test notes how long it took until the other end detected the fault; ``pytest tests/faults`` lists the figures at its end.
"""
