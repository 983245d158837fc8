"""The pages of the site are complete: every public name, example, message and question has its place."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import gst_signalling_sync

from ..examples.test_programs import EXAMPLES, ROOT
from ..project.public_api import members_of
from .programs import DOCS, PAGES

PUBLIC = sorted(set(gst_signalling_sync.__all__) - {"__version__"})
REFERENCE = "\n".join(page.read_text() for page in (DOCS / "reference").glob("*.rst"))
FAQ = (DOCS / "faq" / "index.rst").read_text()
SOURCE = re.sub(
    r'"\s*\n?\s*f?"', "", "\n".join(path.read_text() for path in (ROOT / "gst_signalling_sync").rglob("*.py"))
)
"""The source, in which string literals over several lines are joined."""

CLICKS = 2


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_is_in_the_reference(name: str) -> None:
    assert re.search(rf"^\.\. auto(class|function|exception):: {name}\b", REFERENCE, re.MULTILINE)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_has_a_docstring_with_an_example(name: str) -> None:
    value = getattr(gst_signalling_sync, name)
    base = gst_signalling_sync.SignallingError
    if inspect.isclass(value) and issubclass(value, base):
        assert value.__doc__, "each error says when it is raised"
    else:
        assert re.search(r"^Example:\n|::\n|code-block:: python\n", inspect.getdoc(value) or "", re.MULTILINE), (
            "a short example helps more than a long text"
        )


def listed_members() -> dict[str, set[str]]:
    """The members that the reference lists of each public class."""
    entries = re.findall(r"^\.\. autoclass:: (\w+)\S*(?:\n   :members: (.+))?$", REFERENCE, re.MULTILINE)
    return {name: set(members.split(", ")) for name, members in entries if name in PUBLIC}


def documented_signals(value: type) -> set[str]:
    """The signals in the docstring of a class."""
    _, _, section = (inspect.getdoc(value) or "").partition("Signals:\n")
    return set(re.findall(r"^    (\w+)\(.+?\): ", section, re.MULTILINE))


@pytest.mark.parametrize(("name", "members"), listed_members().items())
def test_reference_lists_every_member_of_a_class(name: str, members: set[str]) -> None:
    value = getattr(gst_signalling_sync, name)
    # The arguments of a value class are also its attributes, and are documented as arguments.
    fields = {*getattr(value, "__dataclass_fields__", ()), *inspect.signature(value).parameters}
    public = {*members_of(value), *(member for member in dir(value) if not member.startswith("_"))}

    assert public - fields - set(dir(str)) - documented_signals(value) <= members


@pytest.mark.parametrize(
    "path",
    sorted(path for path in EXAMPLES.rglob("*") if path.is_file() and path.suffix != ".pyc"),
    ids=lambda path: path.name,
)
def test_example_is_on_the_page_of_examples(path: Path) -> None:
    assert f"\n.. example:: {path.relative_to(EXAMPLES)}\n" in (DOCS / "howto" / "examples.rst").read_text()


@pytest.mark.parametrize("words", re.findall(r"^\.\. faq:: [^:\n]+: (.+)$", FAQ, re.MULTILINE))
def test_words_of_the_faq_are_those_of_a_message(words: str) -> None:
    assert words in SOURCE


def links(page: str) -> set[str]:
    """The pages that a page links to, including its entries in the tables of contents."""
    text = (DOCS / f"{page}.rst").read_text()
    named = re.findall(r":doc:`(?:[^`<]*<)?([\w/-]+)>?`", text)
    listed = re.findall(r"^   ([\w/-]+)$", text.partition(".. toctree::")[2], re.MULTILINE)
    return {(Path(page).parent / target).as_posix() if target[0] != "/" else target[1:] for target in (*named, *listed)}


def reached(clicks: int) -> set[str]:
    """The pages that a number of clicks lead to, from the first page."""
    pages = {"index"}
    for _ in range(clicks):
        pages |= {link for page in pages for link in links(page)}
    return pages


def test_every_page_is_two_clicks_away() -> None:
    assert {page.relative_to(DOCS).with_suffix("").as_posix() for page in PAGES} <= reached(CLICKS)


def test_questions_of_each_reader_have_answers_that_are_two_clicks_away() -> None:
    text = (DOCS / "project" / "questions.rst").read_text()
    readers = re.split(r"^-{3,}$", text, flags=re.MULTILINE)[1:]
    assert len(readers) == 3
    for reader in readers:
        answers = re.findall(r"^   \* - .+\n     - ((?:.+\n)+?)(?=   \* - |\n|\Z)", reader, re.MULTILINE)[1:]
        assert len(answers) == 10
        for answer in answers:
            pages = re.findall(r":doc:`(?:[^`<]*<)?/([\w/-]+)>?`", answer)
            assert pages, answer
            assert set(pages) <= reached(CLICKS), answer


def test_links_of_the_readme_lead_somewhere() -> None:
    targets = re.findall(r"<([\w/.-]+)>`_|^\.\. image:: (\S+)", (ROOT / "README.rst").read_text(), re.MULTILINE)

    assert targets
    assert all((ROOT / (link or image)).exists() for link, image in targets)


def test_readme_has_150_lines_at_most() -> None:
    assert len((ROOT / "README.rst").read_text().splitlines()) <= 150
