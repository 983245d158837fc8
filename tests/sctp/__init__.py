"""The SCTP core (RFC 9260), without I/O and without a clock."""
