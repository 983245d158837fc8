"""A server that asks for tokens: which clients it admits, what they may do, and how their admission ends."""
