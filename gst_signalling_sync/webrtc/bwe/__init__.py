"""Bandwidth estimation (Google Congestion Control, draft-ietf-rmcat-gcc-02) by transport-wide feedback (TWCC).

No I/O and no clock. A receiver's `ArrivalRecorder` makes `TransportFeedback` of arriving packets. A sender's
`SendSideEstimator` makes an estimate of that, by `DelayTrend`, `LossLimit`, `Throughput` and `Probing`, which its `Pacer`
follows.
"""
