"""How the site is built: ``sphinx-build -W docs docs/_build``, as CONTRIBUTING says."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

# The diagram of the layers is drawn by the table of the tests.
sys.path[:0] = [str(Path(__file__).parent / "extensions"), str(Path(__file__).parents[1])]

project = "gst-signalling-sync"
author = "The gst-signalling-sync developers"
project_copyright = author
release = version_of("gst-signalling-sync")
version = release

extensions = [
    "sphinx.ext.autodoc",
    "sphinx_click",
    "sphinx_copybutton",
    # Of extensions/.
    "click_text",
    "diagrams",
    "docstrings",
    "examples",
    "exception_tree",
    "faq",
    "made_elsewhere",
    "public_names",
    "repository_paths",
    "spelling",
]
exclude_patterns = ["_build", "extensions"]
nitpicky = True
default_role = "py:obj"

add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_preserve_defaults = True
python_display_short_literal_types = True

# Prompts of the shell and of Python are not copied.
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = False

html_theme = "furo"
html_title = f"gst-signalling-sync {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
pygments_style = "tango"
pygments_dark_style = "monokai"
