"""`ecsauth push` where S3's answers do not come, or say less than has happened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Callable

import pytest
import s3_faults as faults
from pushing import CHANGED, FILE, URI, Meanwhile, Operator, env_file

if TYPE_CHECKING:
    from loopback_server import Answer
    from s3_request import Request

ARN = "arn:aws:sts::123456789012:user/moto"
THEIRS = env_file(registry_example_com="canary-theirs")


class Then(faults.LostAnswer):
    """The answer is lost, and before the next try somebody does something."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action

    def respond(self, request: Request, forward: Callable[[], Answer]) -> Answer:
        """Carry the request out, then let them."""
        response = super().respond(request, forward)
        self._action()
        return response


def delete(operator: Operator) -> None:
    """Delete the object."""
    operator.bucket.server.s3.delete_object(Bucket="fleet", Key="ecs.config")


@pytest.mark.parametrize("standing", [FILE, None], ids=["over an object", "over nothing"])
@pytest.mark.parametrize("times", [1, 2], ids=["one answer", "every answer"])
def test_lost_answer(operator: Operator, standing: bytes | None, times: int) -> None:
    """A put whose answer was lost is known for one's own: it is done, and is not done twice."""
    if standing:
        operator.bucket.put(standing)
    operator.proxy.inject(faults.LostAnswer(), operation="PutObject", times=times)
    done = operator.push(CHANGED)
    assert done.status == 0, done.err
    versions = operator.bucket.versions()
    assert len(versions) == (2 if standing else 1)
    assert f"pushed {URI}, version {versions[0]}, encrypted with {operator.bucket.kms_key}" in done.err


def test_lost_answer_then_somebody_pushes(operator: Operator) -> None:
    """If somebody has pushed over it meanwhile, it has been put all the same; both stand in the history."""
    operator.bucket.put(FILE)
    operator.proxy.inject(Then(lambda: operator.bucket.put(THEIRS)), operation="PutObject", times=1)
    done = operator.push(CHANGED)
    _, ours, _ = operator.bucket.versions()
    assert done.status == 0
    assert f"warning: {URI} was changed again after this upload" in done.err
    assert f"pushed {URI}, version {ours}, " in done.err
    assert operator.bucket.get() == THEIRS


def test_lost_answer_then_somebody_deletes(operator: Operator) -> None:
    """A 404 after a lost answer says the same of a deletion."""
    operator.bucket.put(FILE)
    operator.proxy.inject(Then(lambda: delete(operator)), operation="PutObject", times=1)
    done = operator.push(CHANGED)
    assert done.status == 0
    assert f"warning: {URI} was changed again after this upload" in done.err


def test_lost_answer_and_no_right_to_list(operator: Operator) -> None:
    """Who may not list the versions is told of a conflict, for it is not known that there is none."""
    operator.bucket.put(FILE)
    operator.proxy.inject(Then(lambda: operator.bucket.put(THEIRS)), operation="PutObject", times=1)
    operator.proxy.inject(faults.ACCESS_DENIED, operation="ListObjectVersions")
    done = operator.push(CHANGED)
    assert done.status == 9
    assert "by another program" in done.err


def test_no_answer_and_nothing_done(operator: Operator) -> None:
    """Where no try has arrived, it is S3 that is out of reach, and nothing has changed."""
    operator.bucket.put(FILE)
    operator.proxy.inject(faults.Reset(), operation="PutObject")
    done = operator.push(CHANGED)
    assert done.status == 5
    assert operator.bucket.get() == FILE


@pytest.mark.parametrize("answer", [faults.CONDITIONAL_CONFLICT, faults.SLOW_DOWN, faults.INTERNAL_ERROR])
def test_passing_refusals(operator: Operator, answer: faults.Fault) -> None:
    """A 409 is looked into and tried again, a 503 and a 500 by the SDK."""
    operator.bucket.put(FILE)
    operator.proxy.inject(answer, operation="PutObject", times=1)
    assert operator.push(CHANGED).status == 0
    assert operator.bucket.get() == CHANGED


def test_conflict_while_somebody_pushes(operator: Operator) -> None:
    """A 409 because of somebody who was faster is a conflict once theirs is there, and is not tried again."""
    operator.bucket.put(FILE)

    class Busy(faults.Reply):
        def respond(self, request: Request, forward: Callable[[], Answer]) -> Answer:
            operator.bucket.put(THEIRS)
            return super().respond(request, forward)

    operator.proxy.inject(Busy(409, "ConditionalRequestConflict", "A conflict"), operation="PutObject")
    done = operator.push(CHANGED)
    assert done.status == 9
    assert operator.proxy.operations.count("PutObject") == 1
    assert operator.bucket.get() == THEIRS


def test_tries_are_bounded(operator: Operator) -> None:
    """Somebody who is always writing, and never done, ends it."""
    operator.proxy.inject(faults.CONDITIONAL_CONFLICT, operation="PutObject")
    done = operator.push()
    assert done.status == 9
    assert "another request is writing the object" in done.err
    assert operator.proxy.operations.count("PutObject") == 5


def test_who_was_faster(operator: Operator) -> None:
    """A conflict names the version that won, its time, and who says to have put it."""
    operator.push(FILE)
    other = operator.path.with_name("other.config")
    other.write_bytes(THEIRS)

    def push() -> None:
        operator.proxy.heal()
        operator.bucket.server.client("s3").put_object(
            Bucket="fleet", Key="ecs.config", Body=THEIRS, Metadata={"ecsauth-pushed-by": "arn:aws:iam::1:user/you"}
        )

    operator.proxy.inject(Meanwhile(push), operation="PutObject")
    done = operator.push(CHANGED)
    version = operator.bucket.versions()[0]
    assert done.status == 9
    assert f"the object was changed in the meantime: version {version}, 20" in done.err
    assert "Z, by arn:aws:iam::1:user/you\n" in done.err


@pytest.mark.parametrize("text", ["\u202e", "a b", "x" * 1025])
def test_who_was_faster_is_not_believed_to_be_text(operator: Operator, text: str) -> None:
    """What somebody wrote into the metadata and is no name is not shown."""
    held = {"ecsauth-pushed-by": text} if text.isascii() else {"ecsauth-pushed-by": "=?UTF-8?B?4oCu?="}

    def push() -> None:
        operator.proxy.heal()
        operator.bucket.server.client("s3").put_object(Bucket="fleet", Key="ecs.config", Body=THEIRS, Metadata=held)

    operator.proxy.inject(Meanwhile(push), operation="PutObject")
    done = operator.push(CHANGED)
    assert done.status == 9
    assert "by another program" in done.err or "by =?UTF-8?B?4oCu?=" in done.err
    assert text not in done.err


@pytest.mark.parametrize("answer", [faults.ACCESS_DENIED, faults.SLOW_DOWN])
def test_what_was_put_cannot_be_looked_at(operator: Operator, answer: faults.Reply) -> None:
    """Who may not look at versions, or gets no answer, has pushed all the same, and is told what S3 said to it."""
    operator.proxy.inject(faults.NO_SUCH_KEY, operation="HeadObject", times=1)
    operator.proxy.inject(answer, operation="HeadObject")
    done = operator.push()
    (version,) = operator.bucket.versions()
    assert done.status == 0
    assert f"warning: {URI} was uploaded, but its metadata could not be read afterwards" in done.err
    assert f"pushed {URI}, version {version}, encrypted with {operator.bucket.kms_key}" in done.err


def test_mark(operator: Operator) -> None:
    """The object says who has put it, with which ecsauth, under which nonce, and nothing else."""
    operator.push(CHANGED)
    metadata = operator.bucket.server.s3.head_object(Bucket="fleet", Key="ecs.config")["Metadata"]
    assert set(metadata) == {"ecsauth-pushed-by", "ecsauth-version", "ecsauth-nonce"}
    assert metadata["ecsauth-pushed-by"] == ARN
    assert "canary" not in json.dumps(metadata)


def test_who_it_is_cannot_be_found_out(operator: Operator) -> None:
    """Without STS it is pushed without a name."""
    operator.proxy.inject(faults.ACCESS_DENIED, operation="GetCallerIdentity")
    document = operator.push(FILE, "--format", "json").document
    assert (document["pushed"], document["pushed_by"]) == (True, None)


def test_json_of_a_push(operator: Operator) -> None:
    """Programs are told who has pushed, and what was replaced."""
    operator.push(FILE)
    document = operator.push(CHANGED, "--format", "json").document
    new, old = operator.bucket.versions()
    assert (document["pushed_by"], document["replaced"]) == (ARN, old)
    assert document["object"]["version_id"] == new
    assert document["rolled_back_from"] is None
