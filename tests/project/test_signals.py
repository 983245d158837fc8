"""Signals are documented as they are emitted: in docs/reference/signals.rst, in `help()` of their classes, and in the code."""

from __future__ import annotations

import ast
import inspect
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import gst_signalling_sync

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gst_signalling_sync"
SENDERS = {"Producer": "producer", "Consumer": "consumer", "Listener": "listener"}
INBOX_SIGNALS = {"message": "(channel, data)", "received": "(channel, message)"}
"""The signals that a `DataChannel` has from its inbox."""

Signals = dict[str, dict[str, str]]
"""The arguments of a signal's receivers, by class and signal."""


def classes_of_package() -> Iterator[ast.ClassDef]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                yield node


def signals_made_in(node: ast.ClassDef) -> dict[str, str]:
    """The signals that a class assigns to itself, with their receivers' arguments by the documentation."""
    signals = {}
    for statement in ast.walk(node):
        match statement:
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)],
                value=ast.Call(func=ast.Name(id="Signal"), args=[ast.Constant(value=str(text)), *_]),
            ):
                found = re.search(r"``(\([\w, ]+\))``", text)
                assert found, f"{node.name}.{name} does not say what its receivers are called with"
                signals[name] = found[1]
    return signals


@pytest.fixture(scope="module")
def in_code() -> Signals:
    made = {node.name: signals_made_in(node) for node in classes_of_package()}
    signals: Signals = {}
    for name in gst_signalling_sync.__all__:
        public = getattr(gst_signalling_sync, name)
        if not inspect.isclass(public):
            continue
        own = {key: value for base in reversed(public.__mro__) for key, value in made.get(base.__name__, {}).items()}
        if name == "DataChannel":
            own |= INBOX_SIGNALS
        if own:
            signals[name] = {key: value.replace("(role", f"({SENDERS.get(name, 'role')}") for key, value in own.items()}
    return signals


def test_table_lists_every_signal(in_code: Signals) -> None:
    text = (ROOT / "docs" / "reference" / "signals.rst").read_text()
    rows = re.findall(r"\* - ``(\w+)``\n     - ``(\w+)``\n     - ``(\([\w, ]+\))``\n", text)

    assert sorted(rows) == sorted(
        (owner, name, called) for owner, signals in in_code.items() for name, called in signals.items()
    )


def test_help_lists_every_signal(in_code: Signals) -> None:
    for owner, signals in in_code.items():
        shown = inspect.getdoc(getattr(gst_signalling_sync, owner)) or ""
        missing = [f"{name}{called}" for name, called in signals.items() if f"{name}{called}: " not in shown]
        assert not missing, f"the docstring of {owner} lacks {missing}"


def test_signals_are_emitted_with_what_is_documented() -> None:
    documented: dict[str, set[str]] = {}
    for node in classes_of_package():
        for name, called in signals_made_in(node).items():
            documented.setdefault(name, set()).add(", ".join(called[1:-1].split(", ")[1:]))
    emitted = [found for node in classes_of_package() for call in ast.walk(node) for found in emissions(call)]

    assert len(emitted) >= 10
    for name, keywords in emitted:
        assert keywords in documented[name.removeprefix("_")], f"{name} is emitted with ({keywords})"


def emissions(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The signal that a call emits, if it emits one, and its keywords."""
    match node:
        case ast.Call(
            func=ast.Attribute(attr="emit" | "_emit"), args=[ast.Attribute(attr=name), *_], keywords=keywords
        ):
            yield name, ", ".join(str(keyword.arg) for keyword in keywords)
        case ast.Call(func=ast.Attribute(attr="emit_then"), args=[_, ast.Attribute(attr=name), *_], keywords=keywords):
            yield name, ", ".join(str(keyword.arg) for keyword in keywords)


def test_lines_of_aioice_do_not_come_out_at_info(
    embedded_server: gst_signalling_sync.SignallingServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    producer = gst_signalling_sync.Producer(embedded_server.uri, name="robot")
    producer.add_channel("data")
    with producer, gst_signalling_sync.connect(embedded_server.uri, name="robot") as session:
        session.channel("data")

    assert {record.name.partition(".")[0] for record in caplog.records} == {"gst_signalling_sync"}
