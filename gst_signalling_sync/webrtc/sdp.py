"""`Description` and `Section`: a session description (SDP, RFC 8866) and its media descriptions, in lines.

Every string can be taken apart. The values are immutable: what changes a section returns another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Description", "Section"]

_DIRECTIONS: Final = ("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive")

_TRANSPORT: Final = ("a=ice-ufrag:", "a=ice-pwd:", "a=ice-options:", "a=fingerprint:", "a=setup:")
"""Attributes that a section may leave to the tagged section of its bundle (RFC 8859, RFC 9143 section 7.1.3)."""

_MULTIPLEXED: Final = "a=rtcp-mux"
"""An attribute that a video or audio section may leave to the tagged section too."""

_CANDIDATES: Final = ("a=candidate:", "a=end-of-candidates")

_BUNDLE: Final = "a=group:BUNDLE"

_DISCARD_PORT: Final = "9"


@dataclass(frozen=True)
class Section:
    """A media description (RFC 8866 section 5.14).

    Attributes:
        lines: The lines, without line ends. The first one is the ``m=`` line.
    """

    lines: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The kind of media; ``""``: the ``m=`` line is malformed."""
        return self._words[0]

    @property
    def mid(self) -> str:
        """The identification tag (RFC 5888); ``""``: there is none."""
        return next((line.removeprefix("a=mid:").strip() for line in self.lines if line.startswith("a=mid:")), "")

    @property
    def track_id(self) -> str | None:
        """The identifier of the section's track (RFC 8830), from its own msid or from that of an SSRC; None: there is none."""
        for line in self.lines:
            words = line.split()
            if words and words[0].startswith("a=ssrc:"):
                words = words[1:]
            if words and words[0].startswith(("a=msid:", "msid:")):
                return words[1] if len(words) > 1 else None
        return None

    @property
    def is_refused(self) -> bool:
        """Whether the port is 0, and not because the section is ``bundle-only`` (RFC 9143 section 6)."""
        return self._words[1:2] == ["0"] and "a=bundle-only" not in self.lines

    @property
    def is_data(self) -> bool:
        """Whether the section is for data channels."""
        return self.kind == "application"

    @property
    def _words(self) -> list[str]:
        return self.lines[0].removeprefix("m=").split() or [""]

    def having(self, *prefixes: str) -> tuple[str, ...]:
        """The lines that begin with one of the prefixes."""
        return tuple(line for line in self.lines if line.startswith(prefixes))

    def completed(self, tagged: Section | None, session: Sequence[str]) -> Section:
        """The section with the attributes that it leaves to the tagged section or to the session.

        Args:
            tagged: The tagged section of its bundle; None: it is not in a bundle.
            session: The lines of its description before the first section.
        """
        lines = list(self.lines)
        words = self._words
        if words[1:2] == ["0"]:
            lines[0] = f"m={' '.join([words[0], _DISCARD_PORT, *words[2:]])}"
        if tagged is not None:
            for prefix in _TRANSPORT if self.is_data else (*_TRANSPORT, _MULTIPLEXED):
                if not any(line.startswith(prefix) for line in (*self.lines, *session)):
                    lines += tagged.having(prefix)
        if not self.is_data and not any(line.rstrip() in _DIRECTIONS for line in self.lines):
            # RFC 8866 section 6.7. aiortc ignores the direction of the session, and has no default.
            of_session = [line.rstrip() for line in session if line.rstrip() in _DIRECTIONS]
            lines.append(of_session[-1] if of_session else "a=sendrecv")
        return Section(tuple(lines))

    def inactive(self) -> Section:
        """The section with the direction ``inactive``, unless it is for data channels."""
        if self.is_data:
            return self
        return Section((*(line for line in self.lines if line.rstrip() not in _DIRECTIONS), "a=inactive"))

    def with_candidates_of(self, other: Section) -> Section:
        """The section with the candidates of another one too, if both have the same ICE credentials."""
        credentials = ("a=ice-ufrag:", "a=ice-pwd:")
        if other.having(*credentials) != self.having(*credentials):
            return self
        return Section((*self.lines, *(line for line in other.having(*_CANDIDATES) if line not in self.lines)))

    def at_transport_of(self, other: Section) -> Section:
        """The section with the transport of another one, without candidates."""
        own = (line for line in self.lines if not line.startswith((*_TRANSPORT, *_CANDIDATES)))
        return Section((*own, *other.having(*_TRANSPORT)))

    def refusal(self, transport: Section | None) -> Section:
        """The section that refuses this one.

        Args:
            transport: A section that is used; None: there is none. Its transport is repeated, because some peers expect one
                even in refused sections.
        """
        words = self._words
        lines = [f"m={' '.join([words[0], '0', *words[2:]])}", "c=IN IP4 0.0.0.0", "a=inactive"]
        if self.mid:
            lines.append(f"a=mid:{self.mid}")
        if transport is not None:
            lines += transport.having(*_TRANSPORT)
        return Section(tuple(lines))


@dataclass(frozen=True)
class Description:
    """A session description (RFC 8866) in lines.

    Attributes:
        session: The lines before the first section, without bundles.
        sections: The media descriptions.
        bundle: The mids of the first bundle (RFC 9143).
    """

    session: tuple[str, ...]
    sections: tuple[Section, ...]
    bundle: tuple[str, ...] = ()

    @classmethod
    def parse(cls, sdp: str) -> Description:
        """Split a string into lines and sections. This accepts every string."""
        session: list[str] = []
        sections: list[list[str]] = []
        bundles: list[list[str]] = []
        for line in sdp.splitlines():
            if line.startswith("m="):
                sections.append([line])
            elif sections:
                sections[-1].append(line)
            elif line.split()[:1] == [_BUNDLE]:
                bundles.append(line.split()[1:])
            else:
                session.append(line)
        bundle = tuple(dict.fromkeys(bundles[0])) if bundles else ()
        return cls(tuple(session), tuple(Section(tuple(lines)) for lines in sections), bundle)

    @property
    def tagged(self) -> Section | None:
        """The tagged section of the bundle, which is the first that is not refused (RFC 9143 section 7.2)."""
        return next(
            (
                section
                for mid in self.bundle
                for section in self.sections
                if section.mid == mid and not section.is_refused
            ),
            None,
        )

    def alone(self, section: Section) -> Description:
        """A description with only this section, which need not be one of these."""
        return Description(self.session, (section,))

    def __str__(self) -> str:
        group = (" ".join((_BUNDLE, *self.bundle)),) if self.bundle else ()
        lines = (*self.session, *group, *(line for section in self.sections for line in section.lines))
        return "".join(f"{line}\r\n" for line in lines)
