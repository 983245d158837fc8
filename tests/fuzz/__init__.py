"""Fuzzing: what strangers can send, to the parser, the handshake and the registry.

``python -m tests.fuzz TARGET --seconds 600`` searches with atheris (``pip install atheris``), guided by the coverage of what it
runs. `targets` has the targets, each a function of bytes that raises where a rule is broken. The tests give the same functions
what hypothesis makes up, and what has been found before: ``findings/TARGET-NAME`` are inputs that once broke a rule.
"""
