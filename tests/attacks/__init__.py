"""Attacks by strangers, each with a limit on its effect on everybody else.

The server under attack is embedded in a process of its own (`victim`), beside a 100 Hz loop such as a robot has. Strangers
write the protocol's bytes themselves (`strangers`). Meanwhile an honest peer asks for the list, and the loop measures how late
it is.
"""
