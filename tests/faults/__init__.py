"""What goes wrong outside of a program: peers that stand still or die, cables that are pulled, connections that break.

Each test prints how long it took until the other end knew; ``pytest tests/faults`` lists these figures at its end.
"""
