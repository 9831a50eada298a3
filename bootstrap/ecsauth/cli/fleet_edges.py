"""The connections of the fleet's commands to S3, ECS and Systems Manager, and the options that say which fleet."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from ecsauth import envfile
from ecsauth.aws.attempt import Attempt, Operation, at
from ecsauth.cli import console, options, pins, progress
from ecsauth.command_hint import CommandHint
from ecsauth.deploy import ssm_documents
from ecsauth.errors import DeniedError, UsageError
from ecsauth.fleet import census, commands, policy_tag
from ecsauth.fleet.census import Census, Scope
from ecsauth.fleet.commands import BOOT, DOCTOR, STATUS
from ecsauth.fleet.edges import FleetEdges
from ecsauth.fleet.objects import ObjectServices, RollObjects
from ecsauth.host import files
from ecsauth.host.clock import SystemClock

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ecsauth.aws.s3_operator import S3VersionStore
    from ecsauth.aws.ssm import SsmCommands
    from ecsauth.aws_names import S3URI
    from ecsauth.cli.options import Parser
    from ecsauth.fleet.commands import DocumentPin


def add_scope(parser: Parser) -> None:
    """Add the options that say which instances are meant."""
    group = parser.add_argument_group("which instances")
    group.add_argument(
        "--cluster",
        metavar="NAME",
        action="append",
        default=[],
        type=options.parsed(census.cluster),
        help="an ECS cluster; repeatable (default: the one of the released env-file)",
    )
    group.add_argument(
        "--targets",
        metavar="TAG=VALUE",
        type=options.parsed(census.parse_tag),
        help="the managed instances with this tag, instead of those of a cluster",
    )


def add_documents(parser: Parser) -> None:
    """Add the option that names the documents."""
    parser.add_argument(
        "--documents",
        metavar="PREFIX",
        type=options.parsed(ssm_documents.prefix),
        default=commands.DOCUMENTS,
        help=f"what the names of the documents begin with: the stack's name (default: {commands.DOCUMENTS})",
    )


def add_aws(parser: Parser, *, with_owner: bool = True) -> None:
    """Add the options of AWS and of the output; --bucket-owner unless the command has it already."""
    if with_owner:
        pins.add_bucket_owner(parser)
    options.add_aws(parser, "region of bucket, clusters and documents")
    options.add_format(parser)


def refuse_version(arguments: argparse.Namespace) -> None:
    """Raise UsageError if the S3 URI names a version."""
    if arguments.uri.version_id is not None:
        raise UsageError("fleet is about the released object: give the S3 URI without ?versionId")


class FleetConnection(NamedTuple):
    """The connections: the edges of a roll, and the content of S3. `commands` looks documents up."""

    edges: FleetEdges
    store: S3VersionStore
    objects: RollObjects
    commands: SsmCommands


def connect(arguments: argparse.Namespace) -> FleetConnection:
    """Return the connections for a command on a URI; raise an EcsauthError if no client can be made."""
    from ecsauth.aws.identity import caller
    from ecsauth.aws.s3 import translated
    from ecsauth.aws.s3_copy import S3CopyStore
    from ecsauth.aws.s3_operator import S3VersionStore
    from ecsauth.aws.session import OperatorClients

    clients = OperatorClients(arguments.profile, options.region(arguments))
    with translated(at(Operation.REACH, arguments.uri)):
        client = clients.s3()
    owner = arguments.bucket_owner
    store = S3VersionStore(client, owner)
    services = ObjectServices(
        store=store,
        copier=lambda source: S3CopyStore(client, source, owner),
        caller=lambda: caller(lambda: clients.client("sts")),
        sleep=SystemClock().sleep,
    )
    objects = RollObjects(arguments.uri, services)
    found, run = systems_manager(arguments)
    edges = FleetEdges(found, run, objects, SystemClock(), unpinned(arguments), console.say, progress.tell)
    return FleetConnection(edges, store, objects, run)


def systems_manager(arguments: argparse.Namespace) -> tuple[Census, SsmCommands]:
    """Return what knows the instances, and Run Command."""
    from ecsauth.aws.ecs import EcsClusters
    from ecsauth.aws.s3 import translated
    from ecsauth.aws.session import OperatorClients
    from ecsauth.aws.ssm import ManagedNodes, SsmCommands

    clients, clock = OperatorClients(arguments.profile, options.region(arguments)), SystemClock()
    with translated(Attempt(Operation.DESCRIBE_NODES)):
        client = clients.client("ssm", attempts=1)
        ecs = clients.client("ecs")
    tag = policy_tag.of(arguments.uri) if "uri" in arguments else None
    run = SsmCommands(client, clock, tag)
    return Census(EcsClusters(ecs, clock), ManagedNodes(client, clock), progress.tell), run


def unpinned(arguments: argparse.Namespace) -> dict[str, DocumentPin]:
    """Return the documents by their kind, with the SHA-256 of this ecsauth's, but without a version."""
    found = {}
    for kind in (BOOT, STATUS, DOCTOR):
        content = files.read_policy(f"ssm/{kind}.yaml")
        digest = hashlib.sha256(content.encode()).hexdigest()
        found[kind] = commands.DocumentPin(f"{arguments.documents}-{kind}", "", digest)
    return found


def pinned(arguments: argparse.Namespace, run: SsmCommands, kinds: Sequence[str]) -> dict[str, DocumentPin]:
    """Return the documents with their versions; raise DeniedError if one is not the one of this ecsauth."""
    known = unpinned(arguments)
    return {**known, **{kind: run.pin(known[kind].name, known[kind].sha256) for kind in kinds}}


def scope(arguments: argparse.Namespace, store: S3VersionStore) -> Scope:
    """Return the instances that are meant; the cluster is the one of the released env-file, unless it is named."""
    if arguments.targets is not None or arguments.cluster:
        return Scope(tuple(dict.fromkeys(arguments.cluster)), arguments.targets)
    try:
        content = store.read(arguments.uri).content
    except DeniedError as fault:
        fault.hints = (*fault.hints, "or name the cluster: --cluster NAME")
        raise
    return Scope((census.cluster(envfile.docker(content).cluster()),))


def command(arguments: argparse.Namespace, why: str, action: str, *words: str) -> CommandHint:
    """Return the hint with another command of the fleet, for the same instances and documents."""
    uri: S3URI = arguments.uri
    more: list[str] = []
    for name in getattr(arguments, "cluster", ()):
        more += ["--cluster", name]
    if getattr(arguments, "targets", None) is not None:
        more += ["--targets", str(arguments.targets)]
    if getattr(arguments, "documents", commands.DOCUMENTS) != commands.DOCUMENTS:
        more += ["--documents", arguments.documents]
    for option in ("bucket_owner", "region", "profile"):
        if getattr(arguments, option, None):
            more += [f"--{option.replace('_', '-')}", getattr(arguments, option)]
    return CommandHint(why, "ecsauth", "fleet", action, uri.object_uri, *words, *more)


def collect() -> None:
    """Let Python collect garbage again: these commands may run for hours, and each answer leaves some."""
    import gc  # `main` has disabled it, for short runs

    gc.enable()


def described(instance: Any) -> dict[str, Any]:
    """Return an instance for programs."""
    report = instance.report
    return {
        "instance": instance.id,
        "cluster": instance.cluster,
        "connected": instance.connected,
        "ping": instance.ping,
        "installed": report.installed if report is not None else None,
        "ahead": report.ahead if report is not None else None,
        "rejected": report.rejected if report is not None else None,
        "registered": report.registered if report is not None else None,
        "last_run_at": report.run_at if report is not None else None,
    }
