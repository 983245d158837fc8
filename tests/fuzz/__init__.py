"""Fuzzing of what a stranger can send to the parser, the handshake, the registry, video and SCTP.

``python -m tests.fuzz TARGET --seconds 600`` searches with atheris (``pip install atheris``), guided by coverage. `targets` has
the targets: functions of bytes that raise when a rule is broken. The tests call the same functions with inputs of hypothesis,
and with earlier findings: the files ``findings/TARGET-NAME`` are inputs that once broke a rule.
"""
