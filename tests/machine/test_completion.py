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
from program import Ended, run_here

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
        pytest.param("ecsauth help pu", {"push", "pull"}, id="topics of help"),
        pytest.param("ecsauth explain A37", {f"A37{digit}" for digit in range(10)}, id="codes"),
    ],
)
def test_completes(shell: str, folder: Path, line: str, expected: set[str]) -> None:
    """What can come next is offered, and nothing else."""
    assert COMPLETE[shell](folder, line) == expected


PLACES = {
    "bash": ".local/share/bash-completion/completions/ecsauth",
    "zsh": ".local/share/zsh/site-functions/_ecsauth",
    "fish": ".config/fish/completions/ecsauth.fish",
}


def _install(home: Path, *options: str, **more: str) -> Ended:
    env = {"PATH": os.environ["PATH"], "HOME": str(home), **more}
    return run_here("completion", "--install", *options, env=env)


def test_install(shell: str, tmp_path: Path) -> None:
    """The script is where the user's shell finds it, and completes; a second time replaces it."""
    place = tmp_path / PLACES[shell]
    for _ in range(2):
        done = _install(tmp_path, SHELL=f"/usr/bin/{shell}")
        assert (done.status, done.out) == (0, "")
        assert done.err.splitlines()[0] == f"ecsauth: wrote {place}, 0644"
        assert place.stat().st_mode & 0o777 == 0o644
        assert list(place.parent.iterdir()) == [place]
    (tmp_path / "desk").mkdir()
    (tmp_path / "_ecsauth").symlink_to(place)
    assert COMPLETE[shell](tmp_path, "ecsauth exp") == {"explain", "export"}


def test_installed_for_fish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is needed in fish, which looks for scripts of the commands that there are."""
    need(lack_of("fish", *SHELLS["fish"]))
    (tmp_path / "desk").mkdir()
    (tmp_path / "ecsauth").write_text("#!/bin/sh\n")
    (tmp_path / "ecsauth").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert _install(tmp_path, "fish").err.endswith("ecsauth: hint: fish loads it by itself, in this shell too\n")
    said = _said(["fish", "-c", "complete -C 'ecsauth exp'"], tmp_path)
    assert {one.partition("\t")[0] for one in said} == {"explain", "export"}


def test_installed_for_bash(tmp_path: Path) -> None:
    """The command in the hint makes bash complete."""
    need(lack_of("bash", *SHELLS["bash"]))
    (tmp_path / "desk").mkdir()
    *_, hint = _install(tmp_path, "bash").err.splitlines()
    command = hint.partition("to use it in this shell: ")[2]
    assert command.startswith("source ")
    assert _said(["bash", "--norc", "-c", f"{command}; complete -p ecsauth | wc -l"], tmp_path) == {"1"}


def test_installed_for_zsh(tmp_path: Path) -> None:
    """The command in the hint makes zsh complete; the line for .zshrc is not asked for again once it is there."""
    need(lack_of("zsh", *SHELLS["zsh"]))
    (tmp_path / "desk").mkdir()
    _, line, hint = _install(tmp_path, "zsh").err.splitlines()
    command = hint.partition("to use it in this shell: ")[2]
    assert _said(["zsh", "-f", "-c", f"{command} -D -u; print $_comps[ecsauth]"], tmp_path) == {"_ecsauth"}
    (tmp_path / ".zshrc").write_text(line.partition("compinit: ")[2] + "\n")
    assert len(_install(tmp_path, "zsh").err.splitlines()) == 2


def test_install_below_xdg_directories(tmp_path: Path) -> None:
    """The directories of the user's own are kept to, unless they are relative."""
    for name, variable in (("bash", "XDG_DATA_HOME"), ("zsh", "XDG_DATA_HOME"), ("fish", "XDG_CONFIG_HOME")):
        base = tmp_path / "other" / name
        assert _install(tmp_path, name, **{variable: str(base)}).status == 0
        assert (base / Path(PLACES[name]).relative_to(".config" if name == "fish" else ".local/share")).is_file()
        assert _install(tmp_path, name, **{variable: "other"}).status == 0
        assert (tmp_path / PLACES[name]).is_file()


@pytest.mark.parametrize("content", ["", "complete -c ecsauth -a mine\n"])
def test_install_over_a_file_of_somebody_else(tmp_path: Path, content: str) -> None:
    """It is left alone, unless --force says otherwise."""
    place = tmp_path / PLACES["fish"]
    place.parent.mkdir(parents=True)
    place.write_text(content)
    done = _install(tmp_path, "fish")
    assert (done.status, place.read_text()) == (6, content)
    assert done.err == (
        f"ecsauth: error: {place} was not written by ecsauth\n"
        "ecsauth: hint: replace it: ecsauth completion --install --force fish\n"
    )
    assert _install(tmp_path, "fish", "--force").status == 0
    assert "# Written by ecsauth\n" in place.read_text()


def test_install_over_a_pipe(tmp_path: Path) -> None:
    """What is no file is not waited for."""
    place = tmp_path / PLACES["fish"]
    place.parent.mkdir(parents=True)
    os.mkfifo(place)
    assert _install(tmp_path, "fish").status == 6


def test_install_through_a_link(tmp_path: Path) -> None:
    """A link stays, and what it points to is replaced: dotfiles may be kept elsewhere."""
    place, kept = tmp_path / PLACES["fish"], tmp_path / "dotfiles" / "ecsauth.fish"
    place.parent.mkdir(parents=True)
    place.symlink_to(kept)
    assert _install(tmp_path, "fish").status == 0
    assert place.is_symlink()
    assert kept.is_file()


@pytest.mark.parametrize(
    ("options", "more", "status", "said"),
    [
        pytest.param((), {}, 2, "$SHELL is none of bash, zsh or fish", id="no shell"),
        pytest.param((), {"SHELL": "/bin/dash"}, 2, "$SHELL is none of bash, zsh or fish", id="another shell"),
        pytest.param(("fish",), {"XDG_CONFIG_HOME": "/dev/null"}, 6, "cannot make /dev/null/fish", id="no directory"),
        pytest.param(("fish",), {"HOME": "nowhere"}, 6, "this user has no home directory", id="no home"),
    ],
)
def test_install_faults(tmp_path: Path, options: tuple[str, ...], more: dict[str, str], status: int, said: str) -> None:
    """What keeps it from being installed is said."""
    done = _install(tmp_path, *options, **more)
    assert (done.status, done.out) == (status, "")
    assert said in done.err


@pytest.mark.parametrize("arguments", [(), ("--force",), ("--force", "bash")])
def test_completion_without_a_shell(arguments: tuple[str, ...]) -> None:
    """Without --install a shell has to be named, and there is nothing to force."""
    assert run_here("completion", *arguments, env={"SHELL": "/bin/bash"}).status == 2


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
