"""The public API in text form: names, signatures, members of classes, and signals with their receivers' arguments.

``python -m tests.project.public_api`` writes it to ``tests/project/public_api.txt``.
"""

from __future__ import annotations

import ast
import enum
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

PACKAGE = "gst_signalling_sync"
MODULES = (PACKAGE, f"{PACKAGE}.server", f"{PACKAGE}.signals", f"{PACKAGE}.testing")
"""Modules whose `__all__` is public."""

FILE = Path(__file__).with_name("public_api.txt")

_MARKS: Mapping[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}

_ARGUMENTS = re.compile(r"``(\(.*?\))``")


def public_api() -> str:
    """The whole API, with one name or member per line."""
    return "\n".join(line for name in MODULES for line in _module(import_module(name))) + "\n"


def _module(module: ModuleType) -> Iterator[str]:
    yield module.__name__
    for name in sorted(module.__all__, key=str.lower):
        value = getattr(module, name)
        if inspect.isclass(value) and value.__module__.startswith(PACKAGE):
            yield from (f"    {line}" for line in _class(name, value))
        elif inspect.isfunction(value):
            yield f"    {name}{_signature(value)}"
        elif literals := get_args(value):
            yield f"    {name} = {' | '.join(map(repr, literals))}"
        else:
            yield f"    {name}"


def _class(name: str, cls: type) -> Iterator[str]:
    bases = ", ".join(base.__name__ for base in cls.__bases__ if base is not object)
    yield f"class {name}({bases})" if bases else f"class {name}"
    if issubclass(cls, enum.Enum):
        yield from (f"    {member.name} = {member.value!r}" for member in cls)
        return
    if "__init__" in {member for each in _own(cls) for member in vars(each)}:
        yield f"    {name}{_signature(cls.__init__, is_method=True)}"
    members = members_of(cls)
    yield from (f"    .{members[key]}" for key in sorted(members))


def members_of(cls: type) -> dict[str, str]:
    """The members of a class and the attributes of its objects, in text form, by their names."""
    members: dict[str, str] = {}
    for each in reversed(_own(cls)):
        members |= dict(_attributes(each))
        members |= {key: _member(key, value, each) for key, value in vars(each).items() if not key.startswith("_")}
    return members


def _own(cls: type) -> list[type]:
    """The class and its bases in this package, in the order of attribute look-up."""
    return [each for each in cls.__mro__ if each.__module__.startswith(PACKAGE)]


def _member(name: str, value: object, cls: type) -> str:
    if isinstance(value, property):
        returns = inspect.signature(value.fget).return_annotation if value.fget else None
        return f"{name}: {returns}"
    if isinstance(value, classmethod | staticmethod):
        return f"{name}{_signature(value.__func__, is_method=isinstance(value, classmethod))}"
    if inspect.isfunction(value):
        return f"{name}{_signature(value, is_method=True)}"
    annotation = vars(cls).get("__annotations__", {}).get(name)
    return f"{name}: {annotation}" if annotation else name


def _attributes(cls: type) -> Iterator[tuple[str, str]]:
    """Public attributes that are set in `__init__`, and annotated attributes."""
    for name, annotation in vars(cls).get("__annotations__", {}).items():
        if not name.startswith("_"):
            yield name, f"{name}: {annotation}"
    init = vars(cls).get("__init__")
    if not inspect.isfunction(init) or init.__code__.co_filename.startswith("<"):
        return
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(init)))):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            match target:
                case ast.Attribute(attr=name, value=ast.Name(id="self")) if not name.startswith("_"):
                    annotation = f": {ast.unparse(node.annotation)}" if isinstance(node, ast.AnnAssign) else ""
                    yield name, _signal(name, node.value) or f"{name}{annotation}"  # type: ignore[attr-defined]


def _signal(name: str, value: ast.expr | None) -> str | None:
    match value:
        case ast.Call(func=ast.Name(id="Signal"), args=[ast.Constant(value=str(doc)), *_]):
            arguments = _ARGUMENTS.search(doc)
            return f"{name}: signal {arguments[1] if arguments else doc}"
    return None


def _signature(function: Any, *, is_method: bool = False) -> str:
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1 if is_method else 0 :]
    # The representation of an object changes with its implementation.
    parameters = [
        each
        if isinstance(each.default, bool | int | float | str | tuple | None) or each.default is inspect.Parameter.empty
        else each.replace(
            default=inspect.Parameter.empty, annotation=f"{each.annotation} = {type(each.default).__name__}"
        )
        for each in parameters
    ]
    returns = "" if signature.return_annotation in ("None", None) else f" -> {signature.return_annotation}"
    shown: list[str] = []
    had_keyword_only = False
    for each in parameters:
        if each.kind is inspect.Parameter.KEYWORD_ONLY and not had_keyword_only:
            had_keyword_only = True
            if not any(other.kind is inspect.Parameter.VAR_POSITIONAL for other in parameters):
                shown.append("*")
        default = "" if each.default is inspect.Parameter.empty else f" = {each.default!r}"
        shown.append(f"{_MARKS.get(each.kind, '')}{each.name}: {each.annotation}{default}")
    return f"({', '.join(shown)}){returns}"


if __name__ == "__main__":
    FILE.write_text(public_api())
