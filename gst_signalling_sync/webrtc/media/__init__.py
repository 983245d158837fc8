"""Audio and video: sources that encode once for all sessions, receivers, and the recorder.

Sending: `VideoSource`, `AudioSource` and `Player` feed the `MediaSender` of every session. Receiving: a `MediaReceiver` for
each track of a session feeds a `VideoReceiver` or `AudioReceiver`, and any `Recorder`.
"""
