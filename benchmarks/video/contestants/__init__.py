"""One module per contestant: ``python -m benchmarks.video.contestants.NAME ADDRESS WORKLOAD``, a producer's process.

It prints ``ready ADDRESS``, the address for `benchmarks.video.consumers`, and streams to each consumer that connects. It
answers each window on its standard input with a measurement, and ends with its standard input.
"""
