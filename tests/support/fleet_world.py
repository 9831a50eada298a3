"""A fleet for tests: instances that have booted from one object, Systems Manager and ECS around them, and an operator.

The commands of the operator run in this process, with waits that take no time; the instances run documents for real.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Optional

from aws_environment import OPERATOR, aws_environment
from bucket import Bucket
from fleet_clusters import FleetClusters
from fleet_engine import FleetEngine
from fleet_model import ModelNode
from fleet_node import FleetNode, Terms
from hurried import HURRIED
from json_service import Call, JsonService, RefusedError
from machine import auth_file
from program import ROOT, Ended, run_here
from s3_faults import Fault, Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from forked_program import ForkedProgram
    from loopback_server import Answer
    from metadata_service import MetadataService
    from s3_proxy import S3Proxy
    from s3_request import Request
    from s3_server import S3Server

REGION = "eu-central-1"
KEY = "prod/ecs.config"
CLUSTER = "demo"
RELEASED, CANDIDATE = auth_file("the-released-password"), auth_file("the-candidate-password")
# A roll that is done in no time: nothing is watched.
SWIFT = ("--waves=1,50%,100%", "--soak=0")
# Boots that run at the same time while a fleet is made.
_AT_ONCE = 4


class Fuse(Fault):
    """Cuts an operator off: after so many calls, to S3 and to the other services together, the session is over.

    For the services that is as if the operator's program had been killed. Calls of instances do not count.
    `operations` are the calls so far, with those that were refused.
    """

    def __init__(self, calls: Optional[int] = None) -> None:
        self._most = calls
        self.operations: list[str] = []

    @property
    def has_blown(self) -> bool:
        """Tell whether a call was refused."""
        return self._most is not None and len(self.operations) > self._most

    def _burn(self, operation: str) -> bool:
        """Count a call, and tell whether it is refused."""
        self.operations.append(operation)
        return self.has_blown

    def __call__(self, call: Call) -> None:
        """Let a call to a JSON service pass, or refuse it."""
        if self._burn(call.operation):
            raise RefusedError("ExpiredTokenException", "The security token included in the request is expired")

    def respond(self, request: Request, forward: Callable[[], Answer]) -> Answer:
        """Let a request to S3 pass, or refuse it."""
        if request.access_key == OPERATOR["AWS_ACCESS_KEY_ID"] and self._burn(request.operation):
            return Reply(400, "ExpiredToken", "The provided token has expired.").respond(request, forward)
        return forward()


class FleetWorld:
    """A fleet, and its operator. `engine` is Systems Manager, `clusters` ECS, `service` the endpoint of both."""

    def __init__(
        self, folder: Path, server: S3Server, proxy: S3Proxy, metadata: MetadataService, program: ForkedProgram
    ) -> None:
        self.folder, self.server, self.proxy = folder, server, proxy
        self._program = program
        key = server.make_key()
        self.store = Bucket(server, server.make_bucket("fleet", default_key=key), key)
        self.uri = f"s3://fleet/{KEY}"
        self.released = self.store.put(RELEASED, KEY)
        self.engine, self.clusters = FleetEngine(), FleetClusters()
        self.service = JsonService({"ssm": self.engine, "ecs": self.clusters})
        self.nodes: list[FleetNode] = []
        self.models: list[ModelNode] = []
        instances = aws_environment(folder, endpoint=proxy.url, metadata=metadata.url)
        self._terms = Terms(self.uri, key, instances)
        for kind in ("boot", "status", "doctor"):
            content = (ROOT / "iam" / "ssm" / f"{kind}.yaml").read_text(encoding="utf-8")
            self.engine.documents.put(f"ecsauth-{kind}", content)

    def launch(self, count: int = 1, *, boots: bool = True) -> list[FleetNode]:
        """Launch instances, let them boot and register, and return them."""
        made = [
            FleetNode(instance_id(len(self.engine.managed.nodes) + number), self.folder, self._program, self._terms)
            for number in range(count)
        ]
        self.nodes += made
        if boots:
            self._boot(made)
        self.engine.managed.add(*made)
        self.clusters.add(CLUSTER, made)
        return made

    def node(self, name: str) -> FleetNode:
        """Return an instance by its ID."""
        return next(node for node in self.nodes if node.id == name)

    def boot_all(self, *options: str) -> None:
        """Let every instance boot, as by its timer."""
        self._boot(self.nodes, *options)

    def _boot(self, nodes: list[FleetNode], *options: str) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for node, ran in zip(nodes, pool.map(lambda node: node.boot(*options), nodes)):
                assert ran.code == 0, f"{node.id}: {ran.err}"

    def launch_models(self, count: int) -> list[ModelNode]:
        """Launch instances on which nothing runs: they follow the documents in no time."""
        begin, version = len(self.engine.managed.nodes), self.releases[0]
        made = [
            ModelNode(instance_id(begin + number), self.uri, version, lambda: self.releases[0])
            for number in range(count)
        ]
        self.models += made
        self.engine.managed.add(*made)
        self.clusters.add(CLUSTER, made)
        return made

    @property
    def operator_env(self) -> dict[str, str]:
        """The environment of the operator's shell."""
        home = self.folder / "operator"
        home.mkdir(exist_ok=True)
        services = {f"AWS_ENDPOINT_URL_{name}": self.service.url for name in ("SSM", "ECS")}
        return {**aws_environment(home, endpoint=self.proxy.url), **services, "AWS_REGION": REGION, **OPERATOR}

    def fleet(self, action: str, *words: str) -> Ended:
        """Run `ecsauth fleet ACTION` for the object, with waits that take no time."""
        place = () if action == "doctor" else (self.uri,)
        return run_here("fleet", action, *place, *words, HURRIED, env=self.operator_env)

    def ask(self, action: str, *words: str) -> Any:
        """Return the JSON of a command that only looks."""
        return run_here("fleet", action, self.uri, *words, "--format=json", HURRIED, env=self.operator_env).document

    def roll(self, content: bytes = CANDIDATE, *options: str) -> Ended:
        """Roll out a file in three waves that are not watched, unless the options say otherwise."""
        path = self.folder / "candidate.config"
        path.write_bytes(content)
        return run_here("fleet", "roll", str(path), self.uri, "--yes", *SWIFT, *options, HURRIED, env=self.operator_env)

    def resume(self, *options: str) -> Ended:
        """Go on with the same waves."""
        return run_here("fleet", "resume", self.uri, *SWIFT, *options, HURRIED, env=self.operator_env)

    def cut_off_after(self, calls: Optional[int]) -> Fuse:
        """Cut the operator off after so many calls; None only counts."""
        self.mend()
        fuse = Fuse(calls)
        self.proxy.inject(fuse)
        self.service.inject(fuse)
        return fuse

    def mend(self) -> None:
        """Let every call pass again."""
        self.proxy.heal()
        self.service.heal()

    @property
    def candidates(self) -> list[str]:
        """The versions of the candidate, newest first."""
        return self.store.versions(f"{KEY}.candidate")

    @property
    def releases(self) -> list[str]:
        """The versions of the released object, newest first."""
        return [
            one["VersionId"]
            for one in self.server.s3.list_object_versions(Bucket="fleet", Prefix=KEY).get("Versions", [])
            if one["Key"] == KEY
        ]

    def files(self) -> list[bytes]:
        """Return the env-file of each instance."""
        return [node.env_file.read_bytes() for node in self.nodes]

    def order(self, version: str) -> list[str]:
        """Return the instances in the order in which they get a version."""
        known = self.engine.managed.nodes
        return sorted(known, key=lambda each: hashlib.sha256(f"{each}\n{version}".encode()).hexdigest())

    @property
    def in_order(self) -> list[ModelNode]:
        """The models in the order in which they get the candidate."""
        known = {node.id: node for node in self.models}
        return [known[each] for each in self.order(self.candidates[0])]

    @property
    def model_versions(self) -> set[Optional[str]]:
        """The versions that are installed on the models."""
        return {node.version for node in self.models}

    def before_first_script(self, action: Callable[[], object]) -> None:
        """Let somebody do something before the next script runs anywhere, once."""

        def act(_node: str, _script: str) -> None:
            self.engine.before_script = lambda _node, _script: None
            action()

        self.engine.before_script = act

    def sent(self, kind: str = "boot") -> list[dict[str, Any]]:
        """Return the parameters of each command that was sent with a document."""
        calls = (call.parameters for call in self.service.calls if call.operation == "SendCommand")
        return [one for one in calls if one["DocumentName"] == f"ecsauth-{kind}"]


def instance_id(number: int) -> str:
    """Return the ID of an instance by its number."""
    return f"i-{hashlib.sha256(f'instance {number}'.encode()).hexdigest()[:17]}"
