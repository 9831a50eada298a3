"""`ecsauth completion`: real shells take the scripts, and complete with them what the parsers take."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

import pytest
from ecsauth.cli.parser import COMMANDS
from needs import lack_of, need
from program import run_here

SHELLS = {"bash": ("--version",), "zsh": ("--version",), "fish": ("--version",)}
PATIENCE_S = 60.0

Complete = Callable[[Path, str], set[str]]

# As bash itself calls the function: words, the last one being completed.
_BASH = """\
source {script}
COMP_WORDS=({words}) COMP_CWORD=$(({number} - 1)) COMP_LINE='{line}' COMP_POINT={length}
$(complete -p ecsauth | sed -E 's/.* -F ([^ ]+) .*/\\1/')
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
# Completes on a terminal, the only way that zsh has; what it would offer is written to a file, and a mark at the end.
_ZSH = """\
fpath=({folder} $fpath)
autoload -Uz compinit && compinit -D -u
compadd() {{
    local -a offered
    builtin compadd -O offered "$@"
    print -rl -- $offered >>{answer}
    builtin compadd "$@"
}}
complete-and-tell() {{ zle complete-word; print {mark} >>{answer} }}
zle -N complete-and-tell
bindkey '^I' complete-and-tell
print ready
"""
_MARK = "-- end"


def _bash(folder: Path, line: str) -> set[str]:
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    program = _BASH.format(script=folder / "_ecsauth", words=quoted, number=len(words), line=line, length=len(line))
    return _said(["bash", "--norc", "--noprofile", "-c", program], folder)


def _fish(folder: Path, line: str) -> set[str]:
    said = _said(["fish", "--no-config", "-c", f"source {folder / '_ecsauth'}; complete -C '{line}'"], folder)
    return {one.partition("\t")[0].rstrip("/") for one in said}


def _said(command: list[str], folder: Path) -> set[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb"}
    done = subprocess.run(
        command, cwd=folder / "desk", env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    # bash says that compopt is of no use when the function is called by hand.
    assert not [complaint for complaint in done.stderr.splitlines() if "compopt" not in complaint]
    return set(done.stdout.split("\n")) - {""}


def _zsh(folder: Path, line: str) -> set[str]:
    answer = folder / "answer"
    answer.touch()
    (folder / "start").write_text(_ZSH.format(folder=folder, answer=answer, mark=f"-r -- '{_MARK}'"))
    ours, terminal = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb", "PS1": "> "}
    # Without job control, which would want the terminal for itself.
    with subprocess.Popen(
        ["zsh", "-f", "-i", "+m"],
        cwd=folder / "desk",
        env=environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    ) as process:
        os.close(terminal)
        try:
            os.write(ours, f"source {folder / 'start'}\n".encode())
            _read_until(ours, lambda seen: b"\nready" in seen)
            os.write(ours, f"{line}\t".encode())
            _read_until(ours, lambda _: answer.read_text().endswith(f"{_MARK}\n"))
        finally:
            process.kill()
            os.close(ours)
    return {one.rstrip("/") for one in answer.read_text().split("\n")} - {"", _MARK}


def _read_until(terminal: int, done: Callable[[bytes], bool]) -> None:
    seen, end = b"", time.monotonic() + PATIENCE_S
    while not done(seen) and time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], 0.05)
        seen += os.read(terminal, 65536) if ready else b""
    assert done(seen), seen


COMPLETE: dict[str, Complete] = {"bash": _bash, "zsh": _zsh, "fish": _fish}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    """Give each shell that is installed."""
    name: str = request.param
    need(lack_of(name, *SHELLS[name]))
    return name


@pytest.fixture
def folder(shell: str, tmp_path: Path) -> Path:
    """Give a folder with the shell's script, and one in it with two files to complete."""
    done = run_here("completion", shell, env={"PATH": os.environ["PATH"]})
    assert (done.status, done.err) == (0, "")
    (tmp_path / "_ecsauth").write_text(done.out)
    (tmp_path / "desk" / "folder").mkdir(parents=True)
    (tmp_path / "desk" / "ecs.config").touch()
    return tmp_path


def test_script_is_valid(shell: str, folder: Path) -> None:
    """The shell itself finds nothing wrong with its script."""
    done = subprocess.run([shell, "-n", str(folder / "_ecsauth")], capture_output=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("ecsauth ", set(COMMANDS), id="commands"),
        pytest.param("ecsauth boot --launch ", {"service", "docker", "none", "auto"}, id="choices of an option"),
        pytest.param("ecsauth export ", {"secretsmanager"}, id="choices of an argument"),
        pytest.param("ecsauth check ec", {"ecs.config"}, id="a file"),
        pytest.param("ecsauth which nginx --file ", {"ecs.config", "folder"}, id="files of an option"),
        pytest.param("ecsauth explain A37", {f"A37{digit}" for digit in range(10)}, id="codes"),
    ],
)
def test_completes(shell: str, folder: Path, line: str, expected: set[str]) -> None:
    """What can come next is offered, and nothing else."""
    assert COMPLETE[shell](folder, line) == expected


def test_completes_options(shell: str, folder: Path) -> None:
    """Every long option of a command is offered, and none of another command."""
    offered = {one for one in COMPLETE[shell](folder, "ecsauth boot --") if one.startswith("--")}
    shown = run_here("boot", "--help", env={"PATH": os.environ["PATH"]}).out
    assert offered == set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", shown, flags=re.MULTILINE))


def test_only_this_command_needs_the_library() -> None:
    """No other command imports what writes the scripts."""
    program = (
        "import sys\nfrom ecsauth.cli.main import main\nmain(['explain', 'A341'])\nassert 'shtab' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, timeout=PATIENCE_S, check=True)
