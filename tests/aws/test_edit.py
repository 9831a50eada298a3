"""`ecsauth edit`: the file in the user's editor, checked when it is saved, and gone from the machine at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import s3_faults as faults
from program import ROOT, command, run_here
from pseudo_terminal import PseudoTerminal
from pushing import CHANGED, FILE, URI, env_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from program import Ended
    from pushing import Operator

CHANGE = "s/canary-one/canary-two/"
QUESTION = f"upload it to {URI}? [y/N] "
AGAIN = "edit it again? [Y/n] "


class Desk:
    """An operator whose editor is a script; what it saw of its file it has noted."""

    def __init__(self, operator: Operator, folder: Path, place: Path) -> None:
        self.operator = operator
        self._editor, self._notes = folder / "my editor", folder / "notes"
        self.place = place

    def env(self, script: str, **more: str) -> dict[str, str]:
        """Return an environment with an editor that runs the shell script on `$1`."""
        self._editor.write_text(
            f'#!/bin/sh\nstat -c "%a %n" "$(dirname "$1")" "$1" >> {self._notes}\n'
            f'stat -f -c %T "$1" >> {self._notes}\n{script}\n'
        )
        self._editor.chmod(0o755)
        kept = {name: value for name, value in self.operator.env.items() if name not in ("VISUAL", "EDITOR")}
        return {**kept, "EDITOR": f"'{self._editor}'", "XDG_RUNTIME_DIR": str(self.place), **more}

    def edit(self, script: str, *options: str, **more: str) -> Ended:
        """Edit without a terminal."""
        return run_here("edit", URI, *options, env=self.env(script, **more))

    def at_a_terminal(self, script: str, *options: str, **more: str) -> PseudoTerminal:
        """Edit at a terminal."""
        return PseudoTerminal("edit", URI, *options, env=self.env(script, **more))

    @property
    def notes(self) -> list[str]:
        """What the editor has seen of its file, a line each time."""
        return self._notes.read_text().splitlines() if self._notes.exists() else []

    def wait_for_the_editor(self) -> None:
        """Wait until the editor runs."""
        end = time.monotonic() + 60
        while len(self.notes) < 3:
            assert time.monotonic() < end
            time.sleep(0.02)

    def assert_gone(self) -> None:
        """Assert that the editor has seen a private file, in memory, and that nothing is left of it."""
        directory, file, kind = self.notes[:3]
        assert directory.startswith("700 ")
        assert file.startswith("600 ")
        assert kind == "tmpfs"
        assert not Path(directory.partition(" ")[2]).exists()
        assert list(self.place.iterdir()) == []


@pytest.fixture
def memory() -> Iterator[Path]:
    """Give a directory in memory, as XDG_RUNTIME_DIR is."""
    place = Path(f"/dev/shm/ecsauth-tests-{os.getpid()}")  # noqa: S108 - of this test run alone
    place.mkdir(mode=0o700)
    yield place
    assert list(place.iterdir()) == []
    place.rmdir()


@pytest.fixture
def desk(operator: Operator, tmp_path: Path, memory: Path) -> Desk:
    """Sit down where a first version has been pushed."""
    operator.bucket.put(FILE)
    return Desk(operator, tmp_path, memory)


def test_change(desk: Desk) -> None:
    """What was saved is pushed, over the version that was read, under its key."""
    done = desk.edit(f'sed -i {CHANGE} "$1"')
    operator = desk.operator
    assert done.status == 0, done.err
    assert operator.bucket.get() == CHANGED
    assert "password changed\n" in done.err
    assert (
        f"pushed {URI}, version {operator.bucket.versions()[0]}, encrypted with {operator.bucket.kms_key}" in done.err
    )
    assert "canary" not in done.out + done.err
    desk.assert_gone()


def test_json(desk: Desk) -> None:
    """Programs are told what changed."""
    (old,) = desk.operator.bucket.versions()
    document = desk.edit(f'sed -i {CHANGE} "$1"', "--format=json").document
    assert (document["pushed"], document["replaced"]) == (True, old)
    assert document["changes"][0]["what"] == "password changed"


@pytest.mark.parametrize("script", ["true", 'touch "$1"', 'cp "$1" "$1~"; mv "$1~" "$1"'])
def test_nothing_changed(desk: Desk, script: str) -> None:
    """An editor that changes nothing puts nothing."""
    done = desk.edit(script)
    assert done.status == 0
    assert "nothing to do, already in S3:" in done.err
    assert desk.operator.bucket.get() == FILE
    assert "PutObject" not in desk.operator.proxy.operations
    desk.assert_gone()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 3", "the editor ended with status 3: nothing was uploaded"),
        (f'sed -i {CHANGE} "$1"; exit 1', "the editor ended with status 1: nothing was uploaded"),
        ("kill -9 $$", "the editor ended with status "),
        ('rm "$1"', "the edited file cannot be opened"),
        ('rm "$1"; mkdir "$1"', "the edited file is not a plain file"),
        ('rm "$1"; ln -s /etc/passwd "$1"', "the edited file cannot be opened"),
        ('rm "$1"; mkfifo "$1"', "the edited file is not a plain file"),
        ('head -c 300000 /dev/zero > "$1"', "the edited file is larger than 256 KiB"),
    ],
)
def test_editor_fails(desk: Desk, script: str, said: str) -> None:
    """An editor that fails, or leaves no file, puts nothing; what it leaves is removed."""
    done = desk.edit(script)
    assert (done.status, said in done.err) == (6, True), done.err
    assert desk.operator.bucket.get() == FILE
    desk.assert_gone()


@pytest.mark.parametrize("name", ["EDITOR", "VISUAL"])
@pytest.mark.parametrize("editor", ["/nowhere/editor --wait", "X=1 /nowhere/editor", "a 'quote", "/etc/passwd"])
def test_no_such_editor(desk: Desk, name: str, editor: str) -> None:
    """An editor that is not there is told, with the variables."""
    done = desk.edit("true", **{name: editor})
    assert done.status == 6
    assert "the editor cannot be started" in done.err
    assert "hint: check the variables VISUAL and EDITOR" in done.err


@pytest.mark.parametrize("editor", [f"sed -i -e {CHANGE}", f"LC_ALL=C sed -i -e '{CHANGE}'"])
def test_visual_comes_first(desk: Desk, editor: str) -> None:
    """VISUAL beats EDITOR, and is a command line."""
    done = desk.edit("exit 3", VISUAL=editor)
    assert done.status == 0, done.err
    assert desk.operator.bucket.get() == CHANGED


def test_what_editors_leave_is_removed(desk: Desk) -> None:
    """Backups and swap files beside the file go with it."""
    done = desk.edit(f'cp "$1" "$1~"; mkdir "$(dirname "$1")/.d"; cp "$1" "$(dirname "$1")/.d/x"; sed -i {CHANGE} "$1"')
    assert done.status == 0
    desk.assert_gone()


def test_errors(desk: Desk) -> None:
    """Without a terminal a file with errors is refused, and they are told."""
    done = desk.edit('echo =x >> "$1"')
    assert done.status == 3
    assert "[F113]" in done.err
    assert desk.operator.bucket.get() == FILE
    desk.assert_gone()


# Adds an error the first time, mends it the second.
MISTAKE = 'if grep -q ^=x "$1"; then sed -i -e /^=x/d -e s/canary-one/canary-two/ "$1"; else echo =x >> "$1"; fi'


@pytest.mark.parametrize("answer", ["y\n", "\n"])
def test_errors_are_mended(desk: Desk, answer: str) -> None:
    """At a terminal what is wrong is shown, and the file may be edited again."""
    with desk.at_a_terminal(MISTAKE) as terminal:
        assert "[F113]" in terminal.wait_for(AGAIN)
        terminal.type(answer)
        terminal.wait_for(QUESTION)
        terminal.type("y\n")
        status, seen = terminal.end()
    assert status == 0, seen
    assert desk.operator.bucket.get() == CHANGED
    assert "canary" not in seen
    desk.assert_gone()


def test_errors_are_given_up(desk: Desk) -> None:
    """Who does not want to mend it ends with nothing put and nothing left."""
    with desk.at_a_terminal(MISTAKE) as terminal:
        terminal.wait_for(AGAIN)
        terminal.type("n\n")
        status, seen = terminal.end()
    assert status == 3
    assert "nothing was uploaded, and the edited file was deleted" in seen
    assert desk.operator.bucket.get() == FILE
    desk.assert_gone()


@pytest.mark.parametrize(("key", "status"), [("\x03", 130), ("\x1c", 131)], ids=["Ctrl-C", "Ctrl-backslash"])
def test_keys_while_errors_are_shown(desk: Desk, key: str, status: int) -> None:
    """Between two visits to the editor both keys end the command, and leave nothing."""
    with desk.at_a_terminal(MISTAKE) as terminal:
        terminal.wait_for(AGAIN)
        terminal.type(key)
        assert terminal.end().status == status
    assert desk.operator.bucket.get() == FILE
    desk.assert_gone()


def test_no(desk: Desk) -> None:
    """A no to the change puts nothing."""
    with desk.at_a_terminal(f'sed -i {CHANGE} "$1"') as terminal:
        terminal.wait_for(QUESTION)
        terminal.type("n\n")
        assert terminal.end().status == 130
    assert desk.operator.bucket.get() == FILE
    desk.assert_gone()


def test_somebody_is_faster_than_the_editor(desk: Desk) -> None:
    """What was read is what is replaced: a push while the editor is open is a conflict."""
    theirs = env_file(registry_example_com="canary-theirs")
    with desk.at_a_terminal(f'read -r _; sed -i {CHANGE} "$1"', "--yes") as terminal:
        desk.wait_for_the_editor()
        desk.operator.bucket.put(theirs)
        terminal.type("\n")
        status, seen = terminal.end()
    assert status == 9, seen
    assert "by another program" in seen
    assert desk.operator.bucket.get() == theirs
    desk.assert_gone()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_signals(desk: Desk, number: signal.Signals) -> None:
    """A signal while the editor is open ends the editor, and leaves nothing."""
    with desk.at_a_terminal("sleep 30") as terminal:
        desk.wait_for_the_editor()
        terminal.child.send_signal(number)
        status, seen = terminal.end()
    assert status == 128 + number
    assert f"interrupted by {number.name}" in seen
    assert desk.operator.bucket.get() == FILE
    desk.assert_gone()


@pytest.mark.parametrize("key", ["\x03", "\x1c"], ids=["Ctrl-C", "Ctrl-backslash"])
def test_keys_are_for_the_editor(desk: Desk, key: str) -> None:
    """Ctrl-C in the editor is the editor's, which may go on."""
    script = f"trap 'echo caught' INT QUIT; echo waiting; read -r _ || read -r _; sed -i {CHANGE} \"$1\""
    with desk.at_a_terminal(script, "--yes") as terminal:
        terminal.wait_for("waiting")
        terminal.type(key)
        terminal.wait_for("caught")
        terminal.type("\n")
        status, seen = terminal.end()
    assert status == 0, seen
    assert desk.operator.bucket.get() == CHANGED
    desk.assert_gone()


def test_ctrl_c_at_the_question(desk: Desk) -> None:
    """After the editor Ctrl-C ends the command, with the file gone."""
    with desk.at_a_terminal(f'sed -i {CHANGE} "$1"') as terminal:
        terminal.wait_for(QUESTION)
        terminal.type("\x03")
        assert terminal.end().status == 130
    assert desk.operator.bucket.get() == FILE
    desk.assert_gone()


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (faults.NO_SUCH_KEY, 4, "the object does not exist"),
        (faults.DELETED, 4, "the object was deleted: its newest version is a delete marker"),
        (faults.ACCESS_DENIED, 4, "S3 denies access"),
        (faults.kms_denied("arn:aws:kms:eu-central-1:123456789012:key/k"), 4, "KMS denies the use of the key"),
        (faults.SLOW_DOWN, 5, "S3 is temporarily unavailable"),
    ],
    ids=["absent", "deleted", "S3", "KMS", "slow"],
)
def test_faults(desk: Desk, answer: faults.Reply, status: int, said: str) -> None:
    """What cannot be read is not edited."""
    desk.operator.proxy.inject(answer, operation="GetObject")
    done = desk.edit("true")
    assert (done.status, said in done.err) == (status, True), done.err
    assert desk.notes == []


def test_denied_put(desk: Desk) -> None:
    """A put that is denied leaves nothing on the machine either."""
    desk.operator.proxy.inject(faults.ACCESS_DENIED, operation="PutObject")
    assert desk.edit(f'sed -i {CHANGE} "$1"').status == 4
    desk.assert_gone()


def test_usage(desk: Desk) -> None:
    """One version cannot be edited: it is what it is."""
    assert run_here("edit", f"{URI}?versionId=a", env=desk.env("true")).status == 2
    assert desk.notes == []


def test_no_place_in_memory(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no place in memory, it is said that the file is on a disk while it is edited."""
    monkeypatch.setattr("ecsauth.host.editor._SHARED_MEMORY", str(tmp_path / "nowhere"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = desk.edit(f'sed -i {CHANGE} "$1"', XDG_RUNTIME_DIR=str(tmp_path / "nowhere"))
    assert done.status == 0
    assert "warning: no directory in memory is available" in done.err
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("ecsauth-")]


def test_what_the_editor_would_leak(desk: Desk, tmp_path: Path) -> None:
    """The editor inherits neither a core dump nor the log of TLS keys."""
    seen = tmp_path / "seen"
    done = desk.edit(f'echo "$(ulimit -c) ${{SSLKEYLOGFILE-none}}" > {seen}', SSLKEYLOGFILE=str(tmp_path / "keys"))
    assert done.status == 0, done.err
    # A shell counts in blocks: of one byte there is none.
    assert seen.read_text() == "0 none\n"


class Killed:
    """What an edit leaves that is killed while the editor is open."""

    def __init__(self, desk: Desk) -> None:
        env = {**desk.env("exec sleep 600"), "PYTHONPATH": str(ROOT)}
        with subprocess.Popen([*command("edit"), "edit", URI], env=env, start_new_session=True) as child:
            desk.wait_for_the_editor()
            os.killpg(child.pid, signal.SIGKILL)
        self.folder = Path(desk.notes[0].partition(" ")[2])
        assert (self.folder / "ecs.config").read_bytes() == FILE


def test_what_a_killed_edit_has_left(desk: Desk) -> None:
    """The next edit removes it, and says so."""
    left = Killed(desk).folder
    done = desk.edit(f'sed -i {CHANGE} "$1"')
    assert done.status == 0, done.err
    assert f"warning: removed {left}: a killed edit had left the env-file there" in done.err
    assert not left.exists()


def test_what_an_edit_holds_that_goes_on(desk: Desk, tmp_path: Path) -> None:
    """A file that is being edited stays, whoever edits meanwhile."""
    (tmp_path / "other").mkdir()
    other = Desk(desk.operator, tmp_path / "other", desk.place)
    env = {
        **desk.env(f'while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; sed -i {CHANGE} "$1"'),
        "PYTHONPATH": str(ROOT),
    }
    with subprocess.Popen([*command("edit"), "edit", URI], env=env, stderr=subprocess.PIPE, text=True) as child:
        desk.wait_for_the_editor()
        done = other.edit("true")
        (tmp_path / "go").touch()
        _, err = child.communicate(timeout=60)
    assert "removed" not in done.err
    assert child.returncode == 0, err
    assert desk.operator.bucket.get() == CHANGED


def test_what_is_not_surely_an_edits_file(desk: Desk, memory: Path) -> None:
    """What only looks like one, by its name, its mode or its kind, is left alone."""
    strangers = [memory / "ecsauth-edit-open", memory / "ecsauth-edit-file", memory / "ecsauth-other"]
    strangers[0].mkdir(mode=0o755)
    strangers[1].touch(mode=0o600)
    strangers[2].mkdir(mode=0o700)
    assert "removed" not in desk.edit("true").err
    assert all(stranger.exists() for stranger in strangers)
    strangers[1].unlink()
    for stranger in (strangers[0], strangers[2]):
        stranger.rmdir()
