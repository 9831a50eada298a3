"""Warnings and notes that the author accepts: with `--ignore`, or with a comment in the file.

`# ecsauth: accept F133 V212` accepts these codes for the next line that is neither blank nor a comment, and for
findings about the file as a whole. The comment has no `=`, so every program reads it as a comment. Errors cannot be
accepted: a file with an error does not work.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ecsauth.check import rules
from ecsauth.check.found import found
from ecsauth.check.lines import LineKind
from ecsauth.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.check.lines import Line
    from ecsauth.finding import Finding

_COMMENT = r"#+[ \t]*ecsauth:[ \t]*accept\b(.*)"
_CODES = r"[A-Za-z][0-9]{3}"


class Acceptance:
    """The accepted codes of one file. `ignored` are accepted in the whole file."""

    def __init__(self, lines: tuple[Line, ...], ignored: frozenset[str]) -> None:
        self._ignored = ignored
        self._anywhere: set[str] = set()
        self._at: dict[int, set[str]] = {}
        self._void: list[Line] = []
        pending: set[str] = set()
        for line in lines:
            if line.kind is LineKind.COMMENT:
                pending |= self._read(line)
            elif line.kind is not LineKind.BLANK:
                self._at[line.number] = pending
                pending = set()

    def _read(self, line: Line) -> set[str]:
        """Return the codes that a comment accepts."""
        match = re.match(_COMMENT, line.text.reveal().strip())
        if match is None:
            return set()
        codes = {code.upper() for code in re.findall(_CODES, match[1])}
        accepted = {code for code in codes if _is_acceptable(code)}
        if not accepted or accepted != codes:
            self._void.append(line)
        self._anywhere |= accepted
        return accepted

    def covers(self, finding: Finding) -> bool:
        """Tell whether this finding is accepted."""
        if finding.severity is Severity.ERROR:
            return False
        here = self._anywhere if finding.line is None else self._at.get(finding.line, set())
        return finding.code in self._ignored or finding.code in here

    def findings(self) -> Iterator[Finding]:
        """Yield a finding for each comment with no code, or with a code that cannot be accepted."""
        for line in self._void:
            yield found("F150", ("ecsauth",), (line.number, line.column))


def _is_acceptable(code: str) -> bool:
    rule = rules.find(code)
    return rule is not None and rule.severity is not Severity.ERROR
