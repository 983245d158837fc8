"""The connection to a signalling server, from the address that a user gives to the messages on it."""
