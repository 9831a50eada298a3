"""Quote words for a unit file: systemd.service(5), "Command lines", and systemd.unit(5), "Specifiers".

A word that some systemd since 219 would not read back unchanged is refused.
"""

from __future__ import annotations

import re

from ecsauth.errors import UsageError

# These need no quotes. A lone semicolon ends the command, `#` starts a comment line, white space separates words.
_PLAIN = r"[A-Za-z0-9_./:=,@+?&%$-]+"
_CONTROLS = r"[\x00-\x1f\x7f\ud800-\udfff]"
# load-fragment.c refuses a program path with a quote or backslash (string_is_safe), and the rules by which it expands
# `%` and `$` in the path have changed.
_UNSAFE_IN_PROGRAM = "\"'\\%$"


def command_line(program: tuple[str, ...], arguments: tuple[str, ...]) -> str:
    """Return the value of `ExecStart=`; raise UsageError for a word that cannot be written there."""
    if not program or not program[0].startswith("/"):
        raise UsageError("a unit needs the absolute path of the program")
    if any(character in _UNSAFE_IN_PROGRAM for character in program[0]):
        raise UsageError("systemd cannot start a program with a quote, backslash, percent or dollar sign in its path")
    return " ".join(map(_exec_word, (*program, *arguments)))


def path(text: str) -> str:
    """Return the value of `ConditionPathExists=`, which takes no quotes; raise UsageError."""
    if not text.startswith("/") or text.endswith(("\\", " ", "\t")) or ".." in text.split("/"):
        raise UsageError("a condition of a unit needs an absolute path that does not end in white space or a backslash")
    _refuse_controls(text)
    return text.replace("%", "%%")


def _exec_word(word: str) -> str:
    """Quote a word of a command line. systemd reads `$$` and `%%` as `$` and `%`, with or without quotes."""
    return _quoted(word.replace("%", "%%").replace("$", "$$"))


def _quoted(text: str) -> str:
    _refuse_controls(text)
    if re.fullmatch(_PLAIN, text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _refuse_controls(text: str) -> None:
    if re.search(_CONTROLS, text):
        raise UsageError("a unit cannot contain a control character, or a byte that is not UTF-8")
