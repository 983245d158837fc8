"""The layers of the package from top to bottom, which layer imports which, and which modules of one package import which."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from pathlib import Path

__all__ = ["LAYERS", "imports_within", "layer_of", "layers_of_imports"]

PACKAGE = Path(__file__).parents[2] / "gst_signalling_sync"

LAYERS = {
    "cli": ("cli", "__main__"),
    "testing": ("testing",),
    "public names": ("__init__",),
    "roles": (
        "broadcast",
        "broadcast_channel",
        "candidates",
        "consumer",
        "directory",
        "echo",
        "known_producers",
        "listener",
        "producer",
        "race",
        "resumption",
        "role",
        "role_closing",
        "role_connection",
        "role_sessions",
        "role_thread",
        "sending_role",
        "sent_media",
        "session_announcements",
        "session_requests",
        "session_role",
        "session_terms",
        "starting_role",
    ),
    "server": ("server",),
    "webrtc": ("webrtc",),
    "signalling": ("signalling",),
    "protocol": (
        "access",
        "addresses",
        "endpoint",
        "errors",
        "ice_options",
        "ice_servers",
        "lifecycle",
        "limit_counts",
        "protocol",
        "redaction",
        "signals",
        "tls_trust",
    ),
    "threads": ("threads",),
}
"""The modules of each layer. No layer imports from one above it, and `threads` imports from no other layer.

The public names belong to ``gst_signalling_sync`` itself, which loads them on first use.
"""


def layer_of(module: str) -> str:
    """The layer of a module, by its name within the package."""
    first = module.partition(".")[0]
    return next((layer for layer, modules in LAYERS.items() if first in modules), "public names")


def imports_of(path: Path) -> Iterator[str]:
    """The modules of the package that a module imports, by their names within it; ``__init__``: the package itself."""
    package = path.relative_to(PACKAGE).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                yield from ("__init__" for alias in names if alias.name == PACKAGE.name)
            case ast.ImportFrom(level=0, module=PACKAGE.name):
                yield "__init__"
            case ast.ImportFrom(level=level, module=module, names=names) if level:
                base = [*package[: len(package) - level + 1], *([module] if module else [])]
                yield from [".".join(base)] if base else [alias.name for alias in names]


def imports_within(package: str) -> dict[str, set[str]]:
    """The modules of a package that each of its modules imports, those for types alone too; all by their names within it."""
    root = PACKAGE / package
    paths = {_name_within(root, path): path for path in sorted(root.rglob("*.py"))}
    return {name: set(_imported(root, path, paths)) - {name} for name, path in paths.items()}


def _name_within(root: Path, path: Path) -> str:
    inner = path.relative_to(root).with_suffix("")
    return ".".join(inner.parts[:-1] if inner.name == "__init__" else inner.parts)


def _imported(root: Path, path: Path, modules: Container[str]) -> Iterator[str]:
    package = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        # Imports from above the package have more dots than it has folders.
        if not isinstance(node, ast.ImportFrom) or not 0 < node.level <= len(package) + 1:
            continue
        base = [*package[: len(package) - node.level + 1], *([node.module] if node.module else [])]
        for alias in node.names:
            inner = ".".join([*base, alias.name])
            yield inner if inner in modules else ".".join(base)


def layers_of_imports() -> dict[tuple[str, str], list[str]]:
    """The places of imports, by the importing and the imported layer."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        inner = path.relative_to(PACKAGE)
        layer = layer_of(inner.with_suffix("").parts[0])
        for module in imports_of(path):
            if (other := layer_of(module)) != layer:
                found.setdefault((layer, other), []).append(f"{inner} imports {module}")
    return found
