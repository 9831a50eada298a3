"""What `boot --forget-previous` says of the previous env-file, in text and beside JSON."""

from __future__ import annotations

import json

import pytest
from ecsauth.boot.fetch import Accepted
from ecsauth.boot.outcome import BootOutcome, BootReport
from ecsauth.boot.plan import Step, Unfinished
from ecsauth.boot.state import Source
from ecsauth.boot.trust import ObjectFacts
from ecsauth.cli import boot_output
from ecsauth.cli.parser import make_parser
from ecsauth.cli.persist import Beside
from ecsauth.secret import SecretBytes

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SOURCE = Source("s3://fleet/k", "111122223333", (KEY,), "/etc/ecs/ecs.config", (), "1")
ACCEPTED = Accepted(ObjectFacts("e", 1, "v1"), SecretBytes(b"ECS_CLUSTER=demo\n"), SOURCE, is_new=True)
REMOVE = Step("remove the previous agent", ("docker", "rm", "--force", "ecs-agent-previous"))
LEFT = (Unfinished(REMOVE, "docker rm failed: the container is in use"),)
NOT_YET = "the previous env-file was not removed: no agent has registered with the new one yet"


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    ("forgotten", "unfinished", "said"),
    [
        (None, LEFT, ()),
        (False, (), (f"ecsauth: warning: {NOT_YET}",)),
        (
            False,
            LEFT,
            (
                "ecsauth: warning: removed the previous env-file and its copies, but not the container of the previous",
                " agent, which still has the previous environment: docker rm failed: the container is in use\n",
                "ecsauth: hint: remove the previous agent: docker rm --force ecs-agent-previous\n",
            ),
        ),
    ],
)
def test_what_is_left(
    capsys: pytest.CaptureFixture[str],
    form: str,
    forgotten: bool | None,
    unfinished: tuple[Unfinished, ...],
    said: tuple[str, ...],
) -> None:
    """A warning says what is left and which command removes it; a document has no place for it."""
    arguments = make_parser().parse_args(["boot", "s3://fleet/k", "--kms-key", KEY, "--format", form])
    report = BootReport(BootOutcome.STARTED, ACCEPTED, None, (), forgotten=forgotten, unfinished=unfinished)
    boot_output.show(report, arguments, Beside())
    shown = capsys.readouterr()
    assert all(line in shown.err for line in said)
    assert shown.err.count("previous env-file") == (1 if said else 0)
    assert "this instance has no file to roll back to" not in shown.err
    if form == "json":
        assert json.loads(shown.out)["forgotten"] is forgotten
