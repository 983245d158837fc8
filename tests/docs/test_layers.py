"""Each layer imports only from layers below it, as ``docs/project/architecture.rst`` says."""

from __future__ import annotations

from ..project.layers import LAYERS, PACKAGE, layers_of_imports


def test_no_layer_imports_from_one_above_it() -> None:
    order = list(LAYERS)
    above = {
        places[0] for (layer, other), places in layers_of_imports().items() if order.index(other) < order.index(layer)
    }

    assert not above


def test_threads_import_no_other_layer() -> None:
    assert not [places for (layer, _), places in layers_of_imports().items() if layer == "threads"]


def test_every_module_has_a_layer() -> None:
    placed = {module for modules in LAYERS.values() for module in modules}
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}

    assert placed == there
