"""Bandwidth estimation: transport-wide feedback (TWCC), and what follows from it. Cores without I/O and without a clock.

Receiving: an `ArrivalRecorder` makes `TransportFeedback` of the packets that come.
"""
