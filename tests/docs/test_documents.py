"""What the documents say holds: links lead somewhere, options and rules exist, messages are the program's own."""

from __future__ import annotations

import ast
import errno
import importlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import ecsauth
import pytest
from ecsauth.check import rules
from ecsauth.cli.options import Parser
from ecsauth.cli.parser import COMMANDS, module_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("iam/*.md"))
)
# Options of docker, of cloud-init and of the tests' own scripts that the documents mention.
FOREIGN_OPTIONS = {
    *("--env-file", "--all", "--tail", "--long", "--filter", "--markdown", "--python", "--now"),
    # Of scripts/test and scripts/mutate, and of pytest here.
    *("--quick", "--own-host", "--seed"),
    # Of scripts/bench, and of the scripts that write documents.
    *("--fleet", "--write", "--check"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    """Every relative link is the path of a file, and its fragment a heading of it."""
    here = ROOT / name
    for target, fragment in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", _text(name)):
        if target.startswith("https://"):
            continue
        file = here.parent / target if target else here
        assert file.is_file(), target
        assert not fragment or fragment in _anchors(file.read_text(encoding="utf-8")), f"{target}#{fragment}"


def test_every_promise_names_a_test() -> None:
    """Each test that the security page names exists; each row of its tables of promises has one."""
    page = _text("docs/security.md")
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", page)
    for file, test in named:
        assert re.search(rf"^( {{4}})?def {test}\(", _text(file), flags=re.MULTILINE), f"{file}::{test}"
    tables = re.findall(r"^\|[^\n]*\| Test \|\n\|[-|]+\|\n((?:\|.*\n)+)", page, flags=re.MULTILINE)
    assert len(tables) == 3
    for row in (line for each in tables for line in each.splitlines()):
        assert re.search(r"\| `tests/[^|]*\|$", row), row


@pytest.mark.parametrize("name", DOCUMENTS)
def test_options_exist(name: str) -> None:
    """Every option in the running text is one of a command."""
    text = re.sub(r"^```.*?^```$", "", _text(name), flags=re.MULTILINE | re.DOTALL)
    words = (word for code in re.findall(r"`[^`]+`", text) for word in code.strip("`").split())
    mentioned = {match[0] for match in (re.match(r"--[a-z-]+", word) for word in words) if match}
    assert mentioned <= _options() | FOREIGN_OPTIONS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_rules_exist(name: str) -> None:
    """Every code is that of a rule."""
    for code in re.findall(r"\b[FVA]\d{3}\b", _text(name)):
        assert rules.find(code) is not None, code


def test_messages_are_those_of_the_program() -> None:
    """Each message in the tables of the runbook is made of texts that stand in the sources, or of the system's own."""
    section = _text("docs/runbook.md").split("\n## Messages\n")[1]
    cells = re.findall(r"^\| (`.*?) \| (?:\d|128)", section, flags=re.MULTILINE)
    messages = [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]
    system = [os.strerror(number).lower() for number in errno.errorcode]
    texts = [*_texts(), *system]
    assert messages
    for message in messages:
        # Where a message is put together, its pieces meet at an ellipsis, a semicolon or a "but".
        for part in re.split("…|; |, but ", re.sub(r"^cannot (get|write) …", "…", message)):
            words = part.strip(": ;")
            assert any(words in text for text in texts), f"{message}: {words}"


def test_changelog_has_this_version() -> None:
    """The change log begins with what is not released, and knows the package's version with a date."""
    headings = re.findall(r"^## (.*)$", _text("CHANGELOG.md"), flags=re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert any(re.fullmatch(rf"\[{re.escape(ecsauth.__version__)}\] - \d{{4}}-\d\d-\d\d", each) for each in headings)


def test_benchmarks_say_how_they_were_made() -> None:
    """The page names the command, the number of rounds and the versions."""
    page = _text("docs/benchmarks.md")
    assert "scripts/bench -n " in page
    assert re.search(r"n = \d+ rounds, Python 3\.\d+\.\d+, .*botocore [\d.]+, .*awscrt absent", page)


def test_benchmarks_plot_holds_each_row() -> None:
    """The page shows a well-formed picture with the name and the ratio of every command that fetches the object."""
    page = _text("docs/benchmarks.md")
    assert "](benchmarks.svg)" in page
    picture = ET.fromstring(_text("docs/benchmarks.svg"))  # noqa: S314 - our own
    texts = [element.text or "" for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    tables = re.findall(r"^### Fetch the object, .*\n\n((?:\|.*\n)+)", page, flags=re.MULTILINE)
    rows = [line.strip("| ").split(" | ") for table in tables for line in table.splitlines()[2:]]
    assert len(tables) == 2
    shown = [(name, figures.split()[0]) for name, figures in zip(texts, texts[1:]) if " (" in figures]
    assert shown == [(row[0], row[3]) for row in rows]


def _anchors(text: str) -> set[str]:
    """Return what GitHub makes of the headings: lower case, without punctuation, with dashes for spaces."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _options() -> set[str]:
    helps = ["--version --help"]
    for name in COMMANDS:
        parser = Parser()
        importlib.import_module(module_of(name)).add_arguments(parser)
        within = [command for command, _ in parser.commands().values()]
        helps += [each.format_help() for each in (parser, *within)]
    return set(re.findall(r"(?<![\w-])--[a-z-]+", " ".join(helps)))


def _texts() -> Iterator[str]:
    """Yield every text of the package's sources; the parts of an f-string one by one."""
    for path in sorted((ROOT / "bootstrap").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
