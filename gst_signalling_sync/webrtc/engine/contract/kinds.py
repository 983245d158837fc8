"""The kinds of what is relied on, and advice that several entries share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["BODY_ADVICE", "UNDO_ADVICE", "Attribute", "Call", "Override"]

BODY_ADVICE: Final = "Compare the new body with ours, take over what it does, and note the digest."
UNDO_ADVICE: Final = "See what setRemoteDescription and setLocalDescription change now, and have `Snapshot` keep it."


@dataclass(frozen=True, slots=True)
class Attribute:
    """Instance attributes that are read or written.

    Attributes:
        owner: The class, as ``module:name``.
        names: The names as the class itself writes them, with two underscores if Python mangles them.
        advice: What to do when one changes.
    """

    owner: str
    names: tuple[str, ...]
    advice: str


@dataclass(frozen=True, slots=True)
class Call:
    """A method or function that is called and not overridden.

    Attributes:
        owner: The class or module, as ``module:name``.
        name: Name of the method.
        signature: The signature, without annotations.
        advice: What to do when it changes.
    """

    owner: str
    name: str
    signature: str
    advice: str


@dataclass(frozen=True, slots=True)
class Override:
    """A method that a class of this package overrides.

    Attributes:
        owner: The class of the method, as ``module:name``.
        name: Name of the method.
        digest: Digest of its source.
        advice: What to do when it changes.
    """

    owner: str
    name: str
    digest: str
    advice: str
