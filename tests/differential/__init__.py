"""Random conversations: the same messages to the embedded server and to the reference server.

They leave out the differences that are intended (``docs/topics/protocol.rst``, and ``tests/server/test_sessions.py``): protocol
1.1, which the published reference server does not know; sessions of a peer with itself; the end of a session by a peer that is
not in it; roles that are named twice; unchanged statuses, which only the reference server reports to listeners; and what
exceeds a limit.
"""
