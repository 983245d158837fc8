"""Which module may import and use what: the rules of docs/project/architecture.rst that can be checked in the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import aiortc
import pytest

from ..helpers.private_names import private_names
from .layers import imports_within

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gst_signalling_sync"
ENGINE = PACKAGE / "webrtc" / "engine"

ENGINES_OWN = {"aioice", "OpenSSL", "pylibsrtp"}
"""Libraries that only the engine imports."""

NAMED = {"_replace", "_exit", "_is_owned", "_current_frames"}
"""Public functions and methods of Python whose names begin with an underscore."""

BY_NAME = {"getattr", "setattr", "delattr", "hasattr", "attrgetter"}
"""Functions that take the name of an attribute as a string, with the modules and classes before it for some."""

LIBRARIES = ("aiortc", "aioice", "av", "OpenSSL", "pylibsrtp", "websocket", "websockets")

PUBLIC_MODULES = (PACKAGE.name, f"{PACKAGE.name}.server")
"""Modules whose `__all__` is the public API."""

MODULES = sorted(PACKAGE.rglob("*.py"))
OUTSIDE_THE_ENGINE = sorted(path for path in PACKAGE.rglob("*.py") if ENGINE not in path.parents)
TESTS = sorted((ROOT / "tests").rglob("*.py"))
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """The absolute imports of a module: the imported module and the name that is taken from it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((str(node.module), alias.name) for alias in node.names)


def own_names(tree: ast.AST) -> set[str]:
    """The private names that a module defines."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Attribute(attr=name, value=ast.Name(id="self"), ctx=ast.Store()):
                names.add(name)
    return names


@pytest.mark.parametrize("path", OUTSIDE_THE_ENGINE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_engine_knows_more_of_aiortc_than_its_public_names(path: Path) -> None:
    for module, name in imports(path):
        package = module.partition(".")[0]
        assert package not in ENGINES_OWN, f"{module} is for webrtc/engine/ only"
        if package == "aiortc":
            assert module == "aiortc", f"{module} is no documented module: take {name} through webrtc/engine/"
            assert name in aiortc.__all__, f"aiortc does not document {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_signalling_imports_websocket_client(path: Path) -> None:
    for module, name in imports(path):
        if module.partition(".")[0] == "websocket":
            assert path.parent == PACKAGE / "signalling", f"{module} is for signalling/ only"
            assert module == "websocket", f"{module} is private to websocket-client: take {name} from websocket"
        if module.partition(".")[0] == "websockets":
            # The simulated network is between clients and a server, and so is both.
            assert path.parent == PACKAGE / "server" or path == PACKAGE / "testing" / "network.py", f"{module}: server/"


@pytest.mark.parametrize(("extra", "module"), [("jwt", "json_web_tokens"), ("prometheus_client", "metrics")])
def test_library_of_an_extra_is_imported_by_one_module_when_it_is_needed(extra: str, module: str) -> None:
    assert {path.stem for path in MODULES for name, _ in imports(path) if name.partition(".")[0] == extra} == {module}
    assert f"\nimport {extra}" not in (PACKAGE / "server" / f"{module}.py").read_text()


@pytest.fixture(scope="module")
def private_to_others() -> set[str]:
    return set().union(*map(private_names, LIBRARIES))


@pytest.mark.parametrize("path", OUTSIDE_THE_ENGINE + EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_touches_a_private_name_of_another_library(path: Path, private_to_others: set[str]) -> None:
    tree = ast.parse(path.read_text())
    own = own_names(tree)

    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not node.attr.startswith("_") or node.attr.endswith("__"):
            continue
        if is_own_object(node.value) or node.attr in own:
            continue
        assert node.attr not in private_to_others, f"{path.name}:{node.lineno}: {node.attr} is private to a library"


def own_and_inherited_names(path: Path) -> set[str]:
    """The private names of a module, and of the package's modules that its base classes are in."""
    tree = ast.parse(path.read_text())
    bases = {
        base.id
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Name)
    }
    names = own_names(tree)
    for module, name in own_imports(path):
        source = ROOT / f"{module.replace('.', '/')}.py"
        if name in bases and source.exists():
            names |= own_and_inherited_names(source)
    return names


@pytest.mark.parametrize("path", OUTSIDE_THE_ENGINE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_reaches_into_the_objects_of_another(path: Path) -> None:
    names = own_and_inherited_names(path)

    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Attribute) or not node.attr.startswith("_") or node.attr.endswith("__"):
            continue
        assert is_own_object(node.value) or node.attr in names or node.attr in NAMED, (
            f"{path.name}:{node.lineno}: {ast.unparse(node)}: give what layers need of each other a name without underscore,"
            " on an object behind the public class"
        )


def test_tests_reach_into_no_object() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}" for path in TESTS for line, name in private_names_of_others(path)
    ]

    assert found == [], "test by public names, by the object behind the public one, or give the object a proper seam"


def private_names_of_others(path: Path) -> Iterator[tuple[int, str]]:
    """The places in which a module uses private names of objects that are not its own, also by a string."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.expr | ast.stmt):
            continue
        names: list[str] = []
        match node:
            case ast.Attribute(attr=name, value=value) if not is_own_object(value):
                names = [name]
            case ast.ImportFrom(module=module, names=aliases):
                names = [*(module or "").split("."), *(alias.name for alias in aliases)]
            case ast.Call(func=ast.Name(id=function) | ast.Attribute(attr=function), args=arguments) if (
                function in BY_NAME
            ):
                strings = [each.value for each in arguments if isinstance(each, ast.Constant)]
                names = [part for each in strings if isinstance(each, str) for part in each.split(".")]
        for name in names:
            if name.startswith("_") and not name.endswith("__") and name not in NAMED:
                yield node.lineno, name


def is_own_object(node: ast.expr) -> bool:
    """Whether an expression is ``self``, ``cls`` or ``super()``."""
    match node:
        case ast.Name(id="self" | "cls") | ast.Call(func=ast.Name(id="super")):
            return True
    return False


def own_imports(path: Path) -> Iterator[tuple[str, str]]:
    """The imports of a module from the package itself: the module's full name, and the name that is taken from it."""
    package = [PACKAGE.name, *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.partition(".")[0] == PACKAGE.name)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module.partition(".")[0] == PACKAGE.name:
                yield from ((module, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", sorted((PACKAGE / "threads").glob("*.py")), ids=lambda path: path.name)
def test_threads_know_nothing_of_the_project(path: Path) -> None:
    threads = f"{PACKAGE.name}.threads"
    for module, name in own_imports(path):
        assert module == threads or module.startswith(f"{threads}."), f"{module}.{name} is of the project"


def test_modules_of_webrtc_do_not_import_each_other_in_a_circle() -> None:
    imported = imports_within("webrtc")
    assert {"live_session", "channel"} <= imported["session"], "imports are found"
    try:
        TopologicalSorter(imported).prepare()
    except CycleError as error:
        pytest.fail(f"a circle, in which each is imported by the next: {', '.join(error.args[1])}")


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "cli").rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_the_command_line_uses_the_public_api_alone(path: Path) -> None:
    cli = f"{PACKAGE.name}.cli"
    for module, name in own_imports(path):
        if module == cli or module.startswith(f"{cli}."):
            continue
        assert module in PUBLIC_MODULES, f"{module} is not public: take {name} from {PACKAGE.name}, or do without it"
        if name:
            assert name in import_module(module).__all__ or f"{module}.{name}" == cli, (
                f"{name} is not public in {module}"
            )
