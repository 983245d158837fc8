"""Audio and video: sources that encode once for all sessions, receivers, and the recorder.

Sending: the feeds behind `VideoSource`, `AudioSource` and the sources of a `Player` deliver to the `MediaSender` of every
session. Receiving: a `MediaReceiver` for each track of a session delivers to the `ReceivedTrack` behind a `VideoReceiver` or
`AudioReceiver`, and to any `Recorder`.
"""
