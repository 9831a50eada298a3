"""How systemd 252 takes a command line of a unit apart, one character at a time.

src/basic/extract-word.c (UNQUOTE and CUNESCAPE), src/shared/specifier.c, src/basic/env-util.c (replace_env_argv).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from collections.abc import Mapping

_BLANK = " \t\n\r"
_C_ESCAPES = {**dict(zip("abfnrtvs", "\a\b\f\n\r\t\v ")), "\\": "\\", '"': '"', "'": "'"}
_PLACES = ("/lib/systemd/systemd", "/usr/lib/systemd/systemd")
_NOBODY = "65534"


def split(line: str) -> list[str]:
    """Return the words that the program gets; raise ValueError where systemd would refuse, expand or cut."""
    words: list[str] = []
    position = 0
    while True:
        while position < len(line) and line[position] in _BLANK:
            position += 1
        if position == len(line):
            return [_dollars(_specifiers(word)) for word in words]
        if line[position] == ";" and line[position + 1 : position + 2] in ("", *_BLANK):
            raise ValueError("the next command begins")
        word, position = _word(line, position)
        words.append(word)


def split_environment(line: str) -> list[str]:
    """Return the assignments of an `Environment=` line."""
    words: list[str] = []
    position = 0
    while position < len(line):
        word, position = _word(line, position)
        words.append(_specifiers(word))
        position += 1
    return words


def _word(line: str, position: int) -> tuple[str, int]:
    found, quote = "", ""
    while position < len(line):
        character = line[position]
        position += 1
        if character == "\\":
            if position == len(line):
                raise ValueError("a line that goes on")
            if line[position] not in _C_ESCAPES:
                raise ValueError("an escape of another kind")
            found += _C_ESCAPES[line[position]]
            position += 1
        elif character == quote:
            quote = ""
        elif not quote and character in "\"'":
            quote = character
        elif not quote and character in _BLANK:
            return found, position - 1
        else:
            found += character
    if quote:
        raise ValueError("a quote that is not closed")
    return found, position


def _specifiers(word: str) -> str:
    if re.sub("%%", "", word).count("%"):
        raise ValueError("a specifier")
    return word.replace("%%", "%")


def _dollars(word: str) -> str:
    """A word that begins with `$` is a variable, `${` begins one anywhere; `$$` is one `$`."""
    if re.match(r"\$(?![{$])", word) or "${" in word.replace("$$", ""):
        raise ValueError("a variable")
    return word.replace("$$", "$")


def lack() -> Optional[str]:
    """Return why the real systemd cannot be asked, or None."""
    if not any(map(os.path.exists, _PLACES)):
        return "systemd is not installed"
    return None if os.geteuid() or shutil.which("setpriv") else "setpriv is not installed"


def dry_run(files: Mapping[str, str], start: str) -> subprocess.CompletedProcess[str]:
    """Have this machine's systemd plan the start of a unit among these and its own user units; it starts nothing."""
    program = next(place for place in _PLACES if os.path.exists(place))
    # It does not make dry runs for root.
    as_nobody = () if os.geteuid() else ("setpriv", "--reuid", _NOBODY, "--regid", _NOBODY, "--clear-groups")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - another user reads it
        units = Path(folder) / "units"
        for name, text in files.items():
            path = units / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        run = Path(folder) / "run"
        run.mkdir(mode=0o777)
        if not os.geteuid():
            os.chown(run, int(_NOBODY), int(_NOBODY))
        return subprocess.run(
            (*as_nobody, program, "--user", "--test", f"--unit={start}"),
            env={"PATH": os.defpath, "HOME": str(run), "XDG_RUNTIME_DIR": str(run), "SYSTEMD_UNIT_PATH": f"{units}:"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )


def real_split(lines: list[str]) -> list[list[str]]:
    """Return how the systemd of this machine reads them; `$$` is still two."""
    unit = "[Service]\nType=oneshot\n" + "".join(f"ExecStart={line}\n" for line in lines)
    _, _, dump = dry_run({"words.service": unit}, "words.service").stdout.partition("-> Unit words.service:")
    dump, _, _ = dump.partition("-> Unit ")
    return [_unquoted(line) for line in re.findall(r"Command Line: (.*)", dump)]


def _unquoted(shown: str) -> list[str]:
    """It shows words in double quotes where a shell would need them."""
    return [
        re.sub(r'\\([\\"`$])', r"\1", quoted) if whole.startswith('"') else whole
        for whole, quoted in re.findall(r'("((?:[^"\\]|\\.)*)"|[^ ]+)', shown)
    ]
