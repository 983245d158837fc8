"""``python -m tests.fuzz TARGET --seconds 600``: fuzz one target with atheris, for some time.

What libFuzzer finds goes to ``findings/`` beside this file, from where the tests take it.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

from . import seeds

FINDINGS = Path(__file__).parent / "findings"


def main() -> None:
    """Fuzz until the time is over or something is found."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    arguments.add_argument("target", choices=("parser", "handshake", "registry"))
    arguments.add_argument("--seconds", type=int, default=600, help="how long (600)")
    arguments.add_argument("--corpus", type=Path, help="a directory to go on from, and to keep what is new in")
    options = arguments.parse_args()
    try:
        atheris: Any = importlib.import_module("atheris")
    except ModuleNotFoundError:
        arguments.error("atheris is needed: pip install atheris")
    with atheris.instrument_imports(include=["gst_signalling_sync", "websockets", "json"]):
        targets = importlib.import_module("tests.fuzz.targets")
    target = targets.TARGETS[options.target]
    corpus = seeds.prepare(options.target, options.corpus)
    flags = [f"-max_total_time={options.seconds}", f"-artifact_prefix={FINDINGS}/{options.target}-", "-max_len=4096"]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
