"""Runs the demo in a terminal and draws what it shows: ``python docs/draw_demo.py`` writes ``docs/_static/demo.svg``."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

IMAGE: Final = Path(__file__).parent / "_static" / "demo.svg"
COMMAND: Final = ("gst-signalling-sync", "demo", "--seconds", "5")
COLUMNS: Final = 92

CURSOR: Final = re.compile(r"\x1b\[\?25[lh]")
REDRAWN: Final = re.compile(r"(?:\r\x1b\[2K(?:\x1b\[1A\x1b\[2K)*)+")
"""What a table that changes in place writes before it draws itself again."""


def shown(command: tuple[str, ...]) -> str:
    """What is on the terminal at the end of a command, with its colours."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    with subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, env=environment) as process:
        os.close(follower)
        output = b""
        while True:
            try:
                output += os.read(leader, 65536)
            except OSError:
                # The command has ended.
                break
    os.close(leader)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{output.decode()}")
    return REDRAWN.split(CURSOR.sub("", output.decode().replace("\r\n", "\n")))[-1]


def drawn(command: str, text: str) -> str:
    """An SVG of a terminal, which loads no font from elsewhere."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    console.print(Text(f"$ {command}"))
    console.print(Text.from_ansi(text.rstrip()))
    svg = console.export_svg(title="", theme=MONOKAI, unique_id="demo")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    IMAGE.write_text(drawn("gst-signalling-sync demo", shown(COMMAND)))
