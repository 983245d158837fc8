"""Attacks as a stranger would make them, each with a bound on what it may do to everybody else.

The server under attack is embedded in a process of its own (`victim`), beside a 100 Hz loop such as a robot has. Strangers
speak the protocol by hand (`strangers`). An honest peer asks for the list meanwhile, and the loop tells how late it was.
"""
