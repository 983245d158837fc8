"""The SCTP core, without I/O and without a clock."""
