"""`ecsauth diff`: any two of file, object, version and standard input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import s3_faults as faults
from program import run_here
from pushing import CHANGED, FILE, URI, env_file

if TYPE_CHECKING:
    from program import Ended
    from pushing import Operator

PASSWORD = "ECS_ENGINE_AUTH_DATA, registry registry.example.com: password changed\n"


def diff(operator: Operator, *arguments: str, stdin: bytes = b"") -> Ended:
    """Compare."""
    return run_here("diff", *arguments, env=operator.env, stdin=stdin)


def test_every_two(operator: Operator) -> None:
    """A file, an object, one of its versions and standard input are compared with each other."""
    old = operator.bucket.put(FILE)
    operator.bucket.put(CHANGED)
    operator.path.write_bytes(FILE)
    olds, news = [str(operator.path), f"{URI}?versionId={old}"], [URI, "-"]
    for one in olds:
        for other in news:
            done = diff(operator, one, other, stdin=CHANGED)
            assert (done.status, done.out, done.err) == (3, PASSWORD, "")
    for one, other in ((olds[0], olds[1]), (news[0], news[1])):
        done = diff(operator, one, other, stdin=CHANGED)
        assert (done.status, done.out) == (0, "")
        assert "are identical" in done.err


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        (FILE, env_file(registry_example_com="canary-one", b_example_com="canary-b"), "registry b.example.com: added"),
        (FILE, FILE.replace(b"fleet", b"other"), "registry registry.example.com: user name changed"),
        (FILE + b"MY_TOKEN=canary\n", FILE, "MY_TOKEN: removed"),
        (FILE, b"", "ECS_CLUSTER: removed"),
    ],
)
def test_changes(operator: Operator, old: bytes, new: bytes, shown: str) -> None:
    """Changes are told by variable and registry, and no value is."""
    operator.path.write_bytes(old)
    done = diff(operator, str(operator.path), "-", stdin=new)
    assert done.status == 3
    assert f"{shown}\n" in done.out
    assert "canary" not in done.out + done.err


def test_written_differently(operator: Operator) -> None:
    """What docker does not read is told to be no change of what is said; the files are not the same for that."""
    operator.path.write_bytes(FILE)
    done = diff(operator, str(operator.path), "-", stdin=b"# canary\n" + FILE)
    assert (done.status, done.out) == (3, "")
    assert "differ in their text, but docker reads the same variables" in done.err


@pytest.mark.parametrize(("new", "same"), [(FILE, True), (CHANGED, False)])
def test_json(operator: Operator, new: bytes, same: bool) -> None:
    """Programs get the same as data."""
    operator.path.write_bytes(FILE)
    done = diff(operator, str(operator.path), "-", "--format=json", stdin=new)
    assert done.status == (0 if same else 3)
    document = done.document
    assert (document["old"], document["new"], document["same"]) == (str(operator.path), "-", same)
    assert len(document["changes"]) == (0 if same else 1)


def test_faults(operator: Operator) -> None:
    """What cannot be read is no difference."""
    assert diff(operator, "-", "-").status == 2
    assert diff(operator, "/nowhere/file", "-").status == 6
    assert diff(operator, "-", URI).status == 4
    operator.proxy.inject(faults.SLOW_DOWN)
    assert diff(operator, "-", URI).status == 5
