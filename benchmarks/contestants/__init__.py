"""One module per contestant: ``python -m benchmarks.contestants.NAME producer|consumer ADDRESS WORKLOAD``.

A producer prints ``ready ADDRESS``, where its consumer finds it, and ends with its standard input. A consumer prints one
`benchmarks.workload.Measurement` as JSON and ends.
"""
