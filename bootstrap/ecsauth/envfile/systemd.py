r"""How systemd 252 reads an EnvironmentFile=: src/basic/env-file.c, parse_env_file_internal and load_env_file.

The real parser has ten states and reads one byte at a time. Here each method reads the bytes between two changes of
state. An assignment stays bytes until it is complete, because the parser removes backslashes before it checks whether
the result is UTF-8.
"""

from __future__ import annotations

import re
from typing import Optional

from ecsauth.envfile.reading import Assignment, Reading, Refusal, RefusalReason, Skipped, SkipReason, start_failure
from ecsauth.secret import Secret

# string-util.h: WHITESPACE, NEWLINE; escape.h: SHELL_NEED_ESCAPE; env-file.c: COMMENTS.
_BLANK = b" \t"
_NEWLINE = b"\n\r"
_COMMENT = b"#;"
_SHELL_NEED_ESCAPE = b'"\\`$'

# Patterns are compiled at first use (re caches them). Each is linear, because it can match in one way only.
_WHITE_SPACE_RUN = rb"[ \t\n\r]*"
_BLANK_RUN = rb"[ \t]*"
# PRE_KEY: any first byte is part of the name, also `=`.
_NAME_RUN = rb"(?s:.)[^=\n\r]*"
# COMMENT and VALUE: a backslash escapes the next byte, also a newline. Group 1 ends with the last such pair.
_ESCAPED_RUN = rb"(?s)((?:[^\\\n\r]*\\.?)*)([^\\\n\r]*)"
_SINGLE_QUOTED_RUN = rb"'([^']*)'?"
_DOUBLE_QUOTED_RUN = rb'(?s)"([^"\\]*(?:\\.[^"\\]*)*)\\?"?'
_ESCAPE = rb"(?s)\\(.?)"
# env-util.c, env_name_is_valid.
_VALID_NAME = rb"[A-Za-z_][A-Za-z0-9_]*"


def systemd(data: bytes) -> Reading:
    r"""Read the file as systemd 252 does for `EnvironmentFile=`.

    After a refusal the unit fails, or, with `EnvironmentFile=-`, starts without any of the variables. systemd refuses a
    file with a NUL (fileio.c, read_full_file: EBADMSG), or with an assignment that is not UTF-8 after its backslashes
    are removed (noncharacters such as U+FFFE are not valid: utf8.c, unichar_is_valid). `skipped` has dropped
    assignments, and lines that follow a comment with a backslash at its end: up to 253, systemd reads them as a part
    of the comment.
    """
    nul = data.find(b"\0")
    if nul >= 0:
        return Reading((), (), Refusal(RefusalReason.NUL, data.count(b"\n", 0, nul) + 1))
    return _EnvironmentFile(data).read()


class _Place:
    """The line and column of an offset. Offsets have to ascend, so that all of them need only one pass."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0
        self.line = 1
        self.column = 1

    def move_to(self, offset: int) -> None:
        lines = self._data[self._offset : offset].split(b"\n")
        if len(lines) > 1:
            self.line += len(lines) - 1
            self.column = 1
        # The byte before each offset is ASCII, so no character is cut in two.
        self.column += len(lines[-1].decode("utf-8", "surrogateescape"))
        self._offset = offset


class _EnvironmentFile:
    """One pass over a file without NUL."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._place = _Place(data)
        self._assignments: list[Assignment] = []
        self._skipped: list[Skipped] = []
        self._refusal: Optional[Refusal] = None

    def read(self) -> Reading:
        self._take(_WHITE_SPACE_RUN)
        while self._at < len(self._data) and self._refusal is None:
            self._place.move_to(self._at)
            if self._data[self._at] in _COMMENT:
                self._comment()
            else:
                self._statement()
            self._take(_WHITE_SPACE_RUN)
        failure = None if self._refusal else start_failure(self._assignments)
        return Reading(tuple(self._assignments), tuple(self._skipped), self._refusal, failure)

    def _take(self, pattern: bytes) -> re.Match[bytes]:
        """Match the pattern at the current offset, where it always matches, and move to its end."""
        match = re.compile(pattern).match(self._data, self._at)
        if match is None:
            raise AssertionError("a run matches wherever it is tried")
        self._at = match.end()
        return match

    def _comment(self) -> None:
        start = self._at
        self._take(_ESCAPED_RUN)
        # A blank line or one more comment would be dropped anyway.
        self._report_lines(start, SkipReason.SWALLOWED, harmless=_COMMENT)

    def _statement(self) -> None:
        start, line, column = self._at, self._place.line, self._place.column
        name = self._take(_NAME_RUN).group().rstrip(_BLANK)
        if self._data[self._at : self._at + 1] != b"=":
            # `=1` alone: its `=` is part of the name, and no other `=` follows.
            reason = SkipReason.EMPTY_NAME if name.startswith(b"=") else SkipReason.NO_EQUALS
            self._skipped.append(Skipped(line, reason))
            return
        self._at += 1
        self._take(_BLANK_RUN)
        self._place.move_to(self._at)
        value = self._value()
        self._push(name, value, line, column)
        self._report_lines(start, SkipReason.JOINED)

    def _value(self) -> bytes:
        """Read a value up to the newline or the end of the file, from the state PRE_VALUE on."""
        parts: list[bytes] = []
        while self._at < len(self._data) and self._data[self._at] not in _NEWLINE:
            opener = self._data[self._at]
            if opener == ord("'"):
                parts.append(self._take(_SINGLE_QUOTED_RUN).group(1))
            elif opener == ord('"'):
                parts.append(re.sub(_ESCAPE, _unescape_quoted, self._take(_DOUBLE_QUOTED_RUN).group(1)))
            else:
                escaped, rest = self._take(_ESCAPED_RUN).groups()
                # White space at the end is removed only after the last backslash: last_value_whitespace.
                parts += (re.sub(_ESCAPE, _unescape_bare, escaped), rest.rstrip(_BLANK))
            self._take(_BLANK_RUN)
        return b"".join(parts)

    def _push(self, name: bytes, value: bytes, line: int, column: int) -> None:
        """Keep or drop one assignment: load_env_file_push, then strv_env_clean.

        UTF-8 is checked first, also for an assignment that is dropped for its name.
        """
        name_text, value_text = _text(name), _text(value)
        if name_text is None or value_text is None:
            self._refusal = Refusal(RefusalReason.INVALID_UTF8, line)
        elif re.fullmatch(_VALID_NAME, name):
            self._assignments.append(Assignment(name_text, Secret(value_text), line, column))
        else:
            self._skipped.append(Skipped(line, SkipReason.INVALID_NAME))

    def _report_lines(self, start: int, reason: SkipReason, harmless: bytes = b"") -> None:
        """Add to `skipped` each line that begins after `start` and before the current offset and is not blank."""
        first, *others = self._data[start : self._at].split(b"\n")
        del first
        for number, line in enumerate(others, start=self._place.line + 1):
            text = line.strip(_BLANK + _NEWLINE)
            if text and text[0] not in harmless:
                self._skipped.append(Skipped(number, reason))


def _unescape_quoted(escape: re.Match[bytes]) -> bytes:
    """Apply DOUBLE_QUOTE_VALUE_ESCAPE: keep the backslash, except before SHELL_NEED_ESCAPE; CR is not a newline."""
    escaped = escape.group(1)
    if escaped == b"\n":
        return b""
    return escaped if escaped in _SHELL_NEED_ESCAPE else escape.group()


def _unescape_bare(escape: re.Match[bytes]) -> bytes:
    """Apply VALUE_ESCAPE: remove the backslash, and a newline after it."""
    return escape.group(1).strip(_NEWLINE)


def _text(read: bytes) -> Optional[str]:
    """Return the bytes as text if utf8_is_valid() accepts them (utf8.c), else None."""
    try:
        text = read.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if text.isascii():
        return text
    noncharacters = "\ufdd0-\ufdef" + "".join(f"{chr(end - 1)}{chr(end)}" for end in range(0xFFFF, 0x110000, 0x10000))
    return None if re.search(f"[{noncharacters}]", text) else text
