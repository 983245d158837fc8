"""What this process has: threads of the library, and memory."""

from __future__ import annotations

import os
import threading
from pathlib import Path

__all__ = ["gss_threads", "resident_bytes"]


def gss_threads(prefix: str = "gss-") -> list[str]:
    """The names of the library's threads."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(prefix)]


def resident_bytes() -> int:
    """The memory that the system has given to this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
