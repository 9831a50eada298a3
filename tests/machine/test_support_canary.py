"""The canary is found wherever it may hide, and the message about it does not quote it."""

from __future__ import annotations

import base64
import json
import sys
import urllib.parse
from typing import TYPE_CHECKING, Callable

import canary as canaries
import pytest
from canary import Canary, Recorder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "hide",
    [
        pytest.param(lambda text: text.encode(), id="plain"),
        pytest.param(lambda text: json.dumps({"password": text}).encode(), id="JSON"),
        pytest.param(lambda text: base64.b64encode(text.encode()), id="base64"),
        pytest.param(lambda text: base64.b64encode(f"u:{text}".encode()), id="base64 after two"),
        pytest.param(lambda text: base64.b64encode(f"user:{text}\n".encode()), id="base64 after five"),
        pytest.param(lambda text: base64.urlsafe_b64encode(f"\N{SNOWMAN}:{text}".encode()), id="base64 of a URL"),
        pytest.param(lambda text: text.encode().hex().encode(), id="hexadecimal"),
        pytest.param(lambda text: urllib.parse.quote(text).encode(), id="percent-encoded"),
        pytest.param(lambda text: text.encode("utf-16"), id="UTF-16"),
        pytest.param(lambda text: repr([text]).encode(), id="Python"),
        pytest.param(lambda text: ascii(text).encode(), id="Python, escaped"),
    ],
)
@pytest.mark.parametrize("password", [None, "p\u00e4ss/w\u00f6rd+?=%"])
def test_forms(hide: Callable[[str], bytes], password: str | None) -> None:
    """It is found in each form, inside other text, and not quoted."""
    canary = Canary(password)
    with pytest.raises(AssertionError) as caught:
        canary.assert_not_in(b"before " + hide(canary.password) + b" after", "the log")
    assert "the log" in str(caught.value)
    assert canary.password not in str(caught.value)


def test_absent(canary: Canary, tmp_path: Path) -> None:
    """Nothing is found where nothing is."""
    (tmp_path / "file").write_bytes(b"another password")
    canary.assert_not_in("another password", "the log")
    canary.assert_not_under(tmp_path)


@pytest.mark.parametrize("where", ["contents", "name", "link", "edge of a block"])
def test_files(canary: Canary, tmp_path: Path, where: str) -> None:
    """It is found in a file's contents, name or link target, and across the blocks in which files are read."""
    inner = tmp_path / "inner"
    inner.mkdir()
    if where == "contents":
        (inner / "file").write_text(canary.password, encoding="utf-8")
    elif where == "name":
        (inner / canary.password).touch()
    elif where == "link":
        (inner / "link").symlink_to(canary.password)
    else:
        (inner / "file").write_bytes(b"x" * (canaries.BLOCK - 5) + canary.password.encode())
    with pytest.raises(AssertionError, match="the canary is in"):
        canary.assert_not_under(tmp_path)


def test_files_that_may_hold_it(canary: Canary, tmp_path: Path) -> None:
    """The file that is meant to hold it can be left out."""
    file = tmp_path / "ecs.config"
    file.write_text(canary.password, encoding="utf-8")
    canary.assert_not_under(tmp_path, apart_from=[file])


def shell(text: str, *arguments: str) -> list[str]:
    """Return a command that shows itself long enough to be sampled, with a child of its own."""
    return [sys.executable, "-c", f"import subprocess, sys, os, time; {text}; time.sleep(0.1)", *arguments]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("print(open(0).read())", "standard output"),
        ("print(open(0).read(), file=sys.stderr)", "standard error"),
        ("subprocess.run(['sleep', '0.2', '0', '0' + open(0).read()[:0]])", None),
        ("subprocess.run(['sh', '-c', 'sleep 1; true', open(0).read()])", "the arguments of a process"),
        ("subprocess.run(['sleep', '1'], env={'A': open(0).read()})", "the environment of a process"),
    ],
)
def test_processes(canary: Canary, text: str, where: str | None) -> None:
    """It is found in what a command says and in what its children show of themselves."""
    done = canaries.run(shell(text), stdin=canary.password.encode())
    assert done.returncode == 0, done.stderr
    if where is None:
        canary.assert_not_shown_by(done)
    else:
        with pytest.raises(AssertionError, match=f"the canary is in {where}"):
            canary.assert_not_shown_by(done)


@pytest.mark.parametrize("where", ["arguments", "environment"])
def test_recorded_calls(canary: Canary, tmp_path: Path, where: str) -> None:
    """It is found in what a recorded program was given, however briefly that ran."""
    recorder = Recorder(tmp_path, "true")
    given = [canary.password] if where == "arguments" else []
    env = {"PATH": recorder.path("/usr/bin:/bin"), **({"A": canary.password} if where == "environment" else {})}
    canaries.run(["true", *given], env=env)
    canaries.run(["env", "true", *given], env=env)
    with pytest.raises(AssertionError, match=f"the canary is in the {where} of true"):
        canary.assert_not_given_to(recorder)
