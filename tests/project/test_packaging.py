"""The metadata of a release."""

from __future__ import annotations

import re
import subprocess
from configparser import ConfigParser
from importlib.metadata import version
from pathlib import Path

import pytest

import gst_signalling_sync

ROOT = Path(__file__).parents[2]


def metadata() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_version_is_said_in_one_place() -> None:
    assert metadata()["metadata"]["version"] == version("gst-signalling-sync") == gst_signalling_sync.__version__


def test_newest_entry_of_the_changelog_is_that_of_the_version() -> None:
    newest = re.search(r"^(\d+\.\d+\.\d+), ", (ROOT / "CHANGELOG.rst").read_text(), re.MULTILINE)

    assert newest is not None
    assert newest[1] == gst_signalling_sync.__version__


def test_interpreters_of_the_classifiers_begin_with_the_oldest_that_is_required() -> None:
    classifiers = metadata()["metadata"]["classifiers"]
    minors = [int(minor) for minor in re.findall(r"Python :: 3\.(\d+)", classifiers)]

    assert metadata()["options"]["python_requires"] == f">=3.{min(minors)}"
    assert minors == list(range(min(minors), max(minors) + 1))


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no checkout")
def test_no_committed_file_is_missing_from_the_manifest() -> None:
    manifest = (ROOT / "MANIFEST.in").read_text()
    committed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    always = {
        "LICENSE",
        "MANIFEST.in",
        "README.rst",
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
        "gst_signalling_sync",
        ".gitignore",
    }
    left_out_on_purpose = {"benchmarks"}

    top = {path.partition("/")[0] for path in committed} - always - left_out_on_purpose
    assert [
        name
        for name in sorted(top)
        if not re.search(rf"(^graft|[ ]){re.escape(name)}|include .*{re.escape(name)}", manifest)
    ] == []
