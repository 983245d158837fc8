"""Random conversations with the embedded server and with the reference server: the same is said in both.

Left out of them is where the two differ on purpose (``docs/topics/protocol.rst``, and the tests of ``test_server.py``):
protocol 1.1, which the published reference server does not know; sessions of a peer with itself; the end of a session by a
peer that has no part in it; roles that are named twice; statuses that have not changed, of which the reference server tells
all the same; and what exceeds a limit.
"""
