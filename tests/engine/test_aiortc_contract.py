"""An update of aiortc or aioice that changes what `gst_signalling_sync.webrtc.engine` relies on fails here, with a sentence."""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gst_signalling_sync.webrtc import engine
from gst_signalling_sync.webrtc.engine.contract import ATTRIBUTES, CALLS, OVERRIDES, Attribute, Call, Override
from gst_signalling_sync.webrtc.media.receiving.media_receiver import MediaReceiver
from gst_signalling_sync.webrtc.media.sending.sender import MediaSender

from ..helpers.private_names import private_names

LIBRARIES = ("aiortc", "aioice")


def find(owner: str) -> Any:
    """The object that ``module:name`` or ``module:name.name`` means."""
    module, _, path = owner.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    return found


def mangled(owner: str, name: str) -> str:
    """The name of a class's attribute outside of the class, after name mangling."""
    return f"_{owner.rpartition(':')[2]}{name}" if name.startswith("__") else name


def source_of(function: Callable[..., object]) -> str:
    """The source of a function without irrelevant parts."""
    text = textwrap.dedent(inspect.getsource(function))
    definition = ast.parse(text).body[0]
    assert isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef)
    lines = text.splitlines()
    if ast.get_docstring(definition) is not None:
        docstring = definition.body[0]
        assert docstring.end_lineno is not None
        lines[docstring.lineno - 1 : docstring.end_lineno] = []
    stripped = (line.strip() for line in lines)
    return "\n".join(line for line in stripped if line and not line.startswith("#"))


def engine_modules() -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(engine.__path__):
        yield importlib.import_module(f"{engine.__name__}.{module.name}")


def our_classes() -> Iterator[type]:
    """Our classes that derive from the libraries' classes."""
    for module in engine_modules():
        for each in vars(module).values():
            if inspect.isclass(each) and each.__module__ == module.__name__ and any(foreign_bases(each)):
                yield each
    yield MediaSender
    yield MediaReceiver


def foreign_bases(cls: type) -> Iterator[type]:
    return (base for base in cls.__mro__ if base.__module__.partition(".")[0] in LIBRARIES)


def our_bases(cls: type) -> Iterator[type]:
    """A class of the engine, and its bases in the engine."""
    return (base for base in cls.__mro__ if base.__module__.startswith(f"{engine.__name__}."))


OUR_CLASSES = tuple(our_classes())


@pytest.mark.parametrize("relied", ATTRIBUTES, ids=lambda relied: f"{relied.owner} {' '.join(relied.names)}")
def test_attribute_is_still_there(relied: Attribute) -> None:
    source = inspect.getsource(find(relied.owner))

    for name in relied.names:
        written = name if "." in name else f"self.{name}"
        assigned = re.search(rf"\b{re.escape(written)}\b\s*(:[^=\n]+)?=", source) or re.search(
            rf"\b{re.escape(written)}: ", source
        )
        assert assigned, f"{relied.owner} has no {name} any more. {relied.advice}"


@pytest.mark.parametrize("relied", CALLS, ids=lambda relied: f"{relied.owner}.{relied.name}")
def test_signature_of_a_called_method_is_the_same(relied: Call) -> None:
    method = getattr(find(relied.owner), relied.name, None)
    assert method is not None, f"{relied.owner} has no {relied.name} any more. {relied.advice}"

    signature = inspect.signature(method)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    now = str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))

    assert now == relied.signature, f"{relied.owner}.{relied.name} is now called as {now}. {relied.advice}"


@pytest.mark.parametrize("relied", OVERRIDES, ids=lambda relied: f"{relied.owner}.{relied.name}")
def test_body_of_an_overridden_method_is_the_same(relied: Override) -> None:
    method = getattr(find(relied.owner), mangled(relied.owner, relied.name), None)
    assert method is not None, f"{relied.owner} has no {relied.name} any more. {relied.advice}"

    digest = hashlib.sha256(source_of(method).encode()).hexdigest()[:16]

    assert digest == relied.digest, (
        f"{relied.owner}.{relied.name} has changed (digest {digest}). {relied.advice}\n{source_of(method)}"
    )


@pytest.mark.parametrize("cls", OUR_CLASSES, ids=lambda cls: cls.__name__)
def test_every_override_is_listed(cls: type) -> None:
    listed = {mangled(each.owner, each.name) for each in OVERRIDES}

    overridden = {
        name
        for name, value in vars(cls).items()
        if inspect.isfunction(value)
        and not (name.startswith("__") and name.endswith("__"))
        and any(name in vars(base) for base in foreign_bases(cls))
    }

    assert overridden <= listed, "override in engine/ what engine/contract/ lists, with a digest and what to do"


@pytest.mark.parametrize("cls", OUR_CLASSES, ids=lambda cls: cls.__name__)
def test_no_name_of_ours_is_one_of_theirs_by_accident(cls: type) -> None:
    relied = {name for each in ATTRIBUTES for name in each.names} | {each.name for each in OVERRIDES}
    ours = {node.attr for node in own_attributes(cls)} | set(vars(cls).get("__annotations__", ()))
    theirs = {
        name
        for base in foreign_bases(cls)
        for name in re.findall(r"\bself\.(_[a-z]\w*) *[:=]", inspect.getsource(base))
    }

    assert not (ours & theirs) - relied, f"{cls.__name__} assigns what is also an attribute of its base class"


@pytest.mark.parametrize("cls", [MediaSender, MediaReceiver], ids=lambda cls: cls.__name__)
def test_media_touches_no_private_name_that_it_inherits(cls: type) -> None:
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and is_self(node.value)}
    inherited = {
        name for base in foreign_bases(cls) for name in re.findall(r"\b_[a-z]\w*", inspect.getsource(base))
    } | {name for base in foreign_bases(cls) for name in vars(base) if name.startswith("_")}

    assert not used & inherited - set(vars(cls)) - {"__init__"}, "add it to RtpSender or RtpReceiver of the engine"


def own_attributes(cls: type) -> Iterator[ast.Attribute]:
    """The attributes that the methods of a class assign to its objects."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(cls)))):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            yield node


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def test_every_private_name_is_listed() -> None:
    listed = {name.rpartition(".")[2] for each in ATTRIBUTES for name in each.names}
    listed |= {mangled(each.owner, name) for each in ATTRIBUTES for name in each.names}
    listed |= {each.name for each in CALLS} | {mangled(each.owner, each.name) for each in OVERRIDES}
    theirs = set().union(*map(private_names, LIBRARIES))

    for module in engine_modules():
        used = private_attributes(Path(str(module.__file__)))
        own: set[str] = set()
        for each in vars(module).values():
            if inspect.isclass(each) and each.__module__ == module.__name__:
                for base in our_bases(each):
                    own |= set(vars(base)) | set(vars(base).get("__annotations__", ()))
                if not any(foreign_bases(each)):
                    own |= {node.attr for node in own_attributes(each)}
        unlisted = {name for name in used if name in theirs or re.match(r"_[A-Z]\w+__", name)} - own - listed
        assert not unlisted, f"{module.__name__} uses private names that engine/contract/ does not list"


def private_attributes(path: Path) -> set[str]:
    """The private names that a module uses of objects, also by a string. The package with the table itself uses none."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    if path.parent.name != "contract":
        names |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {name for name in names if name.startswith("_") and not name.endswith("__")}
