"""One module per contestant: ``python -m benchmarks.video.contestants.NAME ADDRESS WORKLOAD``, a producer's process.

It prints ``ready ADDRESS``, where `benchmarks.video.consumers` finds it, streams to whoever comes, answers each window
on its standard input with a measurement, and ends with its standard input.
"""
