"""`SendingRole`: the methods of `Producer` and `Consumer` that add what they send."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .role import RoleObject
from .sent_media import SentMedia
from .webrtc.media.encoded_frame import MEDIA_KINDS
from .webrtc.media.sending.controlled_track import feed_of

if TYPE_CHECKING:
    from .webrtc.media.playing.player import Player
    from .webrtc.media.sending.audio_source import AudioSource
    from .webrtc.media.sending.degradation import DegradationPreference
    from .webrtc.media.sending.encoded_audio_source import EncodedAudioSource
    from .webrtc.media.sending.encoded_video_source import EncodedVideoSource
    from .webrtc.media.sending.video_options import Bitrate
    from .webrtc.media.sending.video_source import VideoSource

__all__ = ["SendingRole"]


class SendingRole(RoleObject):
    """A role object that sends video and audio in its sessions."""

    _media: SentMedia
    """Set by the subclass."""

    def add_video(
        self,
        fps: float = 30,
        codecs: Sequence[str] = ("VP8", "H264"),
        bitrate: Bitrate = None,
        *,
        degradation: DegradationPreference = "balanced",
        name: str | None = None,
        encoder: str | None = None,
        replaces: VideoSource | EncodedVideoSource | None = None,
    ) -> VideoSource:
        """Add a video track to all sessions, including those that run already.

        A producer offers the track in every session. A consumer sends it on the first video track that the producer offers to
        receive on too. Without such a track, a producer of this library is asked for one; with other producers this is logged.
        See ``docs/topics/tracks.rst``. `VideoSource.pause` and `VideoSource.remove` change the track later.

        Args:
            fps: Maximum frame rate, in frames per second. Defaults to 30.
            codecs: Codecs in order of preference; each session uses the first that its peer accepts. ``"VP9"`` and ``"AV1"``
                look better at the same bitrate and take more of a processor. Defaults to VP8, then H264.
            bitrate: Maximum in bit/s, or ``(minimum, maximum)``. Defaults to 0.08 bit per pixel and frame. Within these bounds
                the bitrate is the lowest that a link carries, but at least half of the links' median, so that one bad link does
                not take the video from the others.
            degradation: What is reduced when the bitrate is too low for the frames, in the W3C's words: ``"balanced"`` (the
                frame rate down to half, then the size), ``"maintain-framerate"`` or ``"maintain-resolution"``.
            name: Name of the track at the other end: ``session.videos["wrist"]`` here, ``track.id`` in a browser, the pad's
                ``msid`` in GStreamer. 1 to 64 letters, digits and ``!#$%&'*+-.^_`{|}~``, unique among the video tracks.
            encoder: None or ``"software"``: the processor encodes. ``"auto"``: hardware that this PyAV and this machine have,
                which this call tries for up to some seconds; its codec is then the preferred one. Or FFmpeg's name of an
                encoder, such as ``"h264_v4l2m2m"`` or ``"h264_nvenc"``. Software takes over when hardware fails;
                `VideoSource.encoders` and `VideoSource.encoder_failure` tell.
            replaces: Video source to remove and whose place the new one takes, as in the W3C's ``replaceTrack``. Unless another
                `name` is given it keeps the name, and receivers go on; if it has one of the old source's codecs, no new
                description is needed. Defaults to None: the track is another one.

        Returns:
            The source, to which frames are written.

        Raises:
            ValueError: There is no such codec, encoder or preference, a number is out of range, the name is malformed or that
                of another track, or there is no such source to replace.
            TracksFixed: This is a consumer in a session with a producer of another program, which cannot receive the track.
            RuntimeError: The object was inherited by `fork`.
        """
        from .webrtc.media.sending.video_source import VideoSource

        self._owner.check()
        name = self._media.checked_name(name, "video", replaces)
        source = VideoSource(fps, codecs, bitrate, degradation=degradation, name=name, encoder=encoder)
        self._media.add([source], replaces)
        return source

    def add_encoded_video(
        self,
        codec: str,
        fps: float = 30,
        *,
        name: str | None = None,
        replaces: VideoSource | EncodedVideoSource | None = None,
    ) -> EncodedVideoSource:
        """Add a video track whose frames are encoded already, by a camera or in hardware; see `add_video`.

        Args:
            codec: ``"H264"`` or ``"VP8"``.
            fps: Maximum frame rate, in frames per second. Defaults to 30.
            name: Name of the track; see `add_video`.
            replaces: Video source to replace; see `add_video`.

        Returns:
            The source, to which access units are written.

        Raises:
            ValueError: There is no such codec, a number is out of range, the name is malformed or that of another track, or
                there is no such source to replace.
            TracksFixed: This is a consumer in a session with a producer of another program, which cannot receive the track.
            RuntimeError: The object was inherited by `fork`.
        """
        from .webrtc.media.sending.encoded_video_source import EncodedVideoSource

        self._owner.check()
        name = self._media.checked_name(name, "video", replaces)
        source = EncodedVideoSource(codec, fps, name=name)
        feed_of(source).emit_on(self._callbacks, source, source.keyframe_wanted, source.bitrate_wanted)
        self._media.add([source], replaces)
        return source

    def add_audio(
        self,
        rate: int = 48000,
        channels: int = 1,
        *,
        name: str | None = None,
        low_delay: bool = False,
        fec: bool | None = None,
        replaces: AudioSource | EncodedAudioSource | None = None,
    ) -> AudioSource:
        """Add an audio track, sent as Opus; see `add_video`.

        Args:
            rate: Sample rate of the sound that is written, in Hz, 8000 to 192000. Defaults to 48000.
            channels: 1 or 2. Defaults to 1.
            name: Name of the track, unique among the audio tracks; see `add_video`.
            low_delay: Whether packets have 10 ms of sound instead of 20, which takes more of the link for the same sound.
                Defaults to False.
            fec: Whether each packet repeats the sound of the one before, which replaces a lost packet and doubles the bitrate.
                This is RED (RFC 2198), for receivers that accept it, such as this library and Chromium. True: always, with
                Opus's in-band FEC for other receivers. Defaults to None: RED while more than about 2 % of the packets are lost.
            replaces: Audio source to replace; see `add_video`.

        Returns:
            The source, to which sound is written.

        Raises:
            ValueError: A number is out of range, the name is malformed or that of another track, or there is no such source to
                replace.
            TracksFixed: This is a consumer in a session with a producer of another program, which cannot receive the track.
            RuntimeError: The object was inherited by `fork`.
        """
        from .webrtc.media.sending.audio_source import AudioSource

        self._owner.check()
        name = self._media.checked_name(name, "audio", replaces)
        source = AudioSource(rate, channels, name=name, low_delay=low_delay, fec=fec)
        self._media.add([source], replaces)
        return source

    def add_player(
        self,
        path: str | os.PathLike[str],
        loop: bool = False,
        *,
        name: str | None = None,
        format: str | None = None,
        options: Mapping[str, str] | None = None,
        pass_through: bool = True,
        size: tuple[int, int] | None = None,
        fps: float | None = None,
        encoder: str | None = None,
    ) -> Player:
        """Add the video and audio of a file, a camera or a stream, which play in real time from `start` to `close`.

        This call opens the file, camera or stream, which stays open until `close`, even if the object is never started.

        Args:
            path: Whatever FFmpeg opens: a file, a camera such as ``/dev/video0``, a URL, or ``pipe:0`` for the standard input.
            loop: Whether a file begins again at its end, and a camera or stream that breaks off is opened again. Defaults to
                False.
            name: Name of both its video track and its audio track; see `add_video`.
            format: FFmpeg's name of the input format, such as ``"mjpeg"``. Defaults to None: FFmpeg looks at the content.
            options: Options for it by FFmpeg's names, such as ``{"rtsp_transport": "udp", "timeout": "2000000"}``
                (microseconds) for an RTSP camera. Defaults to none; RTSP then uses TCP if the camera supports it.
            pass_through: Whether H264 and VP8 video and Opus sound are sent unchanged to peers that accept them. If False,
                everything is encoded, and its bitrate follows the links. Defaults to True.
            size: Width and height of the video, in pixels. A camera is asked for it; video of another size is scaled, and
                hence encoded. Defaults to the video's own size.
            fps: Maximum frame rate, in frames per second. A camera is asked for it; frames beyond it are left out, and the
                others encoded. Defaults to the video's own, up to 60.
            encoder: Encoder for video that is encoded; see `add_video`.

        Returns:
            The player, which this object closes.

        Raises:
            ValueError: The name is malformed or that of another track, the size or frame rate is out of range, or there is no
                such encoder.
            TypeError: The options are not strings.
            MediaError: It cannot be opened, or has neither video nor audio that can be decoded.
            TracksFixed: This is a consumer in a session with a producer of another program, which cannot receive the tracks.
            RuntimeError: The object was inherited by `fork`.
        """
        from .webrtc.media.playing.player import Player, thread_of

        self._owner.check()
        for kind in MEDIA_KINDS:
            self._media.checked_name(name, kind)
        self._media.check_may_add(f"adding {os.fspath(path)}")
        player = Player(
            path,
            loop,
            name=name,
            format=format,
            options=options,
            pass_through=pass_through,
            size=size,
            fps=fps,
            encoder=encoder,
        )
        thread = thread_of(player)
        try:
            self._media.add(player.sources)
        except BaseException:
            # Nobody else can release the camera.
            thread.close(0.0)
            raise
        self._media.add_player(thread)
        return player
