"""``python -m tests.fuzz TARGET --seconds 600``: fuzz one target with atheris, for some time.

libFuzzer writes its findings to ``findings/`` beside this file, where the tests read them.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

from . import seeds

FINDINGS = Path(__file__).parent / "findings"

MAX_LENGTH = {"parser": 4096, "handshake": 4096, "registry": 256, "video": 1024, "sctp": 2048}
"""Maximum bytes of an input. At the registry two or three bytes are a step, so that longer inputs only repeat shorter ones."""


def main() -> None:
    """Fuzz until the time is over or a rule is broken."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    arguments.add_argument("target", choices=tuple(MAX_LENGTH))
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
    flags = [
        f"-max_total_time={options.seconds}",
        f"-artifact_prefix={FINDINGS}/{options.target}-",
        f"-max_len={MAX_LENGTH[options.target]}",
    ]
    with tempfile.NamedTemporaryFile("w", prefix=f"fuzz-{options.target}-", suffix=".dict") as words:
        if dictionary := seeds.dictionary(options.target):
            words.write(dictionary)
            words.flush()
            flags.append(f"-dict={words.name}")
        atheris.Setup([sys.argv[0], *flags, str(corpus)], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
