"""One module per contestant: ``python -m benchmarks.contestants.NAME producer|consumer|pacer ADDRESS WORKLOAD``.

A producer prints ``ready ADDRESS``, the address for its consumer, and ends with its standard input. A consumer prints one
`benchmarks.workload.Measurement` as JSON and ends. A pacer is a consumer with many sessions, see `benchmarks.pacing`: its
workload is a `Pace`, and it prints a `PacedMeasurement` at its end.
"""
