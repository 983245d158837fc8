"""The private names of an installed library."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

__all__ = ["private_names"]


def private_names(package: str) -> set[str]:
    """Every name in a library's source that begins with one underscore."""
    root = Path(str(importlib.import_module(package).__file__)).parent
    return {name for path in root.rglob("*.py") for name in re.findall(r"\b_[A-Za-z]\w*", path.read_text())}
