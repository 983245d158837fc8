"""References to the public names: ``Session.record`` in single backticks leads to its entry in the reference.

A name in single backticks that is a parameter of the function or class around it is written as a literal, as is one of Python
itself; any other that leads nowhere is a warning.
"""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import ObjectEntry
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

PACKAGE: Final = "gst_signalling_sync"

ELSEWHERE: Final = {
    "aiortc.RTCPeerConnection": "https://aiortc.readthedocs.io/en/latest/api.html#aiortc.RTCPeerConnection",
    "av.VideoFrame": "https://pyav.basswood-io.com/docs/stable/api/video.html#av.video.frame.VideoFrame",
    "av.AudioFrame": "https://pyav.basswood-io.com/docs/stable/api/audio.html#av.audio.frame.AudioFrame",
    "blinker.Signal": "https://blinker.readthedocs.io/en/stable/#blinker.Signal",
    "errno": "https://docs.python.org/3/library/errno.html",
    "os.fork": "https://docs.python.org/3/library/os.html#os.fork",
    "numpy._typing._array_like.NDArray": "https://numpy.org/doc/stable/reference/typing.html#numpy.typing.NDArray",
    "numpy.float32": "https://numpy.org/doc/stable/reference/arrays.scalars.html#numpy.float32",
    "numpy.int16": "https://numpy.org/doc/stable/reference/arrays.scalars.html#numpy.int16",
    "numpy.uint8": "https://numpy.org/doc/stable/reference/arrays.scalars.html#numpy.uint8",
    "numpy.ndarray": "https://numpy.org/doc/stable/reference/generated/numpy.ndarray.html",
    "aiortc.rtcpeerconnection.RTCPeerConnection": (
        "https://aiortc.readthedocs.io/en/latest/api.html#aiortc.RTCPeerConnection"
    ),
    "socket.socket": "https://docs.python.org/3/library/socket.html#socket-objects",
    "collections.abc.Callable": "https://docs.python.org/3/library/collections.abc.html#collections.abc.Callable",
    "collections.abc.Iterable": "https://docs.python.org/3/library/collections.abc.html#collections.abc.Iterable",
    "collections.abc.Mapping": "https://docs.python.org/3/library/collections.abc.html#collections.abc.Mapping",
    "collections.abc.Sequence": "https://docs.python.org/3/library/collections.abc.html#collections.abc.Sequence",
    "os.PathLike": "https://docs.python.org/3/library/os.html#os.PathLike",
    "pathlib.Path": "https://docs.python.org/3/library/pathlib.html#pathlib.Path",
    "threading.Thread": "https://docs.python.org/3/library/threading.html#threading.Thread",
    "time.monotonic": "https://docs.python.org/3/library/time.html#time.monotonic",
    "time.time": "https://docs.python.org/3/library/time.html#time.time",
}
"""Where what others document is documented, for types of signatures and for single backticks."""

SHORT: Final = {name.rpartition(".")[2]: name for name in ELSEWHERE}


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | nodes.TextElement | None:
    """Find what a reference of Python's domain means; None: nothing, which is a warning."""
    if node.get("refdomain") != "py":
        return None
    target = str(node["reftarget"])
    if _is_literal(node, target):
        return content
    objects = env.domains.python_domain.objects
    name = _documented(objects, node.get("py:class"), target)
    if name is not None:
        entry = objects[name]
        assert app.builder is not None
        return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content, name)
    if target.rpartition(".")[2] in _INTERNAL:
        return content
    known = target if target in ELSEWHERE else SHORT.get(target)
    if known is not None:
        return nodes.reference("", "", content, internal=False, refuri=ELSEWHERE[known])
    return None


def _documented(objects: Mapping[str, ObjectEntry], around: str | None, target: str) -> str | None:
    """The entry that a name means: of the package, of the class around it, a class's argument, or the one that is so called."""
    owner, _, member = target.rpartition(".")
    for name in (f"{PACKAGE}.{target}", f"{PACKAGE}.{member}", f"{PACKAGE}.{around}.{target}"):
        if name in objects:
            return name
    if owner and f"{PACKAGE}.{owner}" in objects and member in parameters(f"{PACKAGE}.{owner}"):
        return f"{PACKAGE}.{owner}"
    found = {
        (entry.docname, entry.node_id): name
        for name, entry in objects.items()
        if name.startswith(PACKAGE) and name.endswith(f".{target}") and not entry.aliased
    }
    if f"{PACKAGE}.Producer.{target}" in found.values():
        return f"{PACKAGE}.Producer.{target}"
    return next(iter(found.values())) if len(found) == 1 else None


def _is_literal(node: pending_xref, target: str) -> bool:
    """Whether a name is Python's own or a parameter of the object whose docstring has it."""
    if (
        target[0] in "'\""
        or hasattr(builtins, target.partition(".")[0])
        or target.rpartition(".")[2] in _TYPE_VARIABLES | _INTERNAL
    ):
        return True
    if node.get("reftype") != "obj":
        return False
    return any(target in parameters(name) for name in _around(node))


_TYPE_VARIABLES: Final = frozenset({"Receiver", "Track"})

# Types of arguments that only the library itself gives.
_INTERNAL: Final = frozenset(
    {"Callbacks", "EncodedAudioSource", "Event", "LinkRelay", "ResumptionKey", "StartSession", "IceServer"}
)


def _around(node: pending_xref) -> list[str]:
    names: list[str] = []
    parent: Any = node.parent
    while parent is not None:
        if parent.__class__.__name__ == "desc":
            signature = parent[0]
            names.append(f"{signature.get('module') or PACKAGE}.{signature.get('fullname') or ''}")
        parent = parent.parent
    return names


def parameters(name: str) -> set[str]:
    """The parameters of a public function, or of a class and its constructor."""
    module, _, rest = name.rpartition(".")
    while module:
        try:
            found: Any = import_module(module)
        except ImportError:
            module, _, head = module.rpartition(".")
            rest = f"{head}.{rest}"
            continue
        for part in rest.split("."):
            found = getattr(found, part, None)
        try:
            return set(inspect.signature(found).parameters) if callable(found) else set()
        except ValueError:
            return set()
    return set()


def setup(app: Sphinx) -> dict[str, Any]:
    """Have references resolved here that Sphinx cannot resolve."""
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
