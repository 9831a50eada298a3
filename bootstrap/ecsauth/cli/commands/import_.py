"""`ecsauth import`: convert docker's logins to lines of an env-file."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth import envfile
from ecsauth.aws_names import is_s3_uri
from ecsauth.check import approve
from ecsauth.cli import console, inputs, options
from ecsauth.cli.findings import document, tell
from ecsauth.errors import ExitCode, InvalidError, LocalError, UsageError
from ecsauth.host import files
from ecsauth.host.credential_helper import CredentialHelpers
from ecsauth.publish import import_logins
from ecsauth.publish.diff import difference
from ecsauth.publish.import_logins import PROGRAM
from ecsauth.registry import docker_config
from ecsauth.registry.auth import DATA, TYPE
from ecsauth.registry.docker_config import named
from ecsauth.registry.document import DOCKER
from ecsauth.secret import SecretBytes

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser
    from ecsauth.finding import Finding
    from ecsauth.publish.diff import Change
    from ecsauth.publish.import_logins import Import, Taken
    from ecsauth.registry.docker_config import DockerConfig

_OLD_PLACE = "~/.dockercfg"


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument(
        "path",
        metavar="PATH",
        nargs="?",
        help="config.json of docker, or - for standard input (default: ~/.docker/config.json, else ~/.dockercfg)",
    )
    parser.add_argument(
        "--type",
        choices=("docker", "dockercfg"),
        help="type of the credentials (default: that of the file of --into, else docker)",
    )
    parser.add_argument(
        "--registry",
        metavar="HOST",
        action="append",
        default=[],
        type=options.parsed(import_logins.registry),
        help="import only this registry; repeatable",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", metavar="FILE", help="output file, mode 0600 (default: stdout)")
    where.add_argument(
        "--into", metavar="FILE", help="write the lines into this env-file; its other lines do not change"
    )
    where.add_argument("--reveal", action="store_true", help="write the lines to stdout even if it is a terminal")
    options.add_format(parser)


class _Written(NamedTuple):
    """An env-file before and after, and its path, None for standard output."""

    place: Optional[str]
    before: SecretBytes
    after: SecretBytes

    def changes(self) -> tuple[Change, ...]:
        return difference(self.before, self.after)


def run(arguments: argparse.Namespace) -> int:
    """Import. On an EcsauthError nothing is written."""
    _refuse_places(arguments)
    before = _before(arguments)
    kind = arguments.type or (import_logins.kind_of(before) if arguments.into else None) or DOCKER
    made = _collected(arguments, kind)
    credentials = {one.registry: one.credential for one in made.taken}
    after = (
        import_logins.merged(before, kind, credentials) if arguments.into else import_logins.fresh(kind, credentials)
    )
    place = arguments.into or arguments.output
    findings = approve(after, place or "the result")
    if place is None:
        # The output is only two lines of a file that the user assembles.
        findings = tuple(one for one in findings if one.variable in (TYPE, DATA))
    if place is None or after != before:
        inputs.write(place or "-", after)
    _show(arguments, made, _Written(place, before, SecretBytes(after)), findings)
    return ExitCode.OK


def _collected(arguments: argparse.Namespace, kind: str) -> Import:
    """Return docker's logins, and report those that are left out; raise InvalidError if none remain."""
    path = arguments.path or _default_path()
    name, config = inputs.for_people(path), _config(path)
    made = import_logins.collect(config, CredentialHelpers(), kind, tuple(arguments.registry))
    for key in config.repeated:
        console.warn(f"{name}: {named(key)} occurs twice; the last entry is used, as by docker")
    for refusal in made.refusals:
        console.warn(f"{refusal.registry} is not imported: {refusal.reason}")
        if refusal.hint:
            console.say(f"hint: {refusal.hint}")
    if not made.taken:
        raise InvalidError(f"{name}: there is no login to import", "log in first: docker login")
    return made


def _refuse_places(arguments: argparse.Namespace) -> None:
    """Raise UsageError for an invalid target, before any keychain is opened."""
    place = arguments.into or arguments.output
    if place is not None:
        if place == "-" or is_s3_uri(place):
            raise UsageError("-o and --into take a path; without them the lines go to standard output")
        return
    if arguments.format != "text":
        raise UsageError(f"--format {arguments.format} and the lines both go to stdout", "give -o FILE or --into FILE")
    if sys.stdout.isatty() and not arguments.reveal:
        raise UsageError(
            "the lines contain passwords, which are not shown on a terminal",
            "give -o FILE or --into FILE, or --reveal to see them",
        )


def _before(arguments: argparse.Namespace) -> SecretBytes:
    """Return the present content of the target; raise an EcsauthError if it must not be changed."""
    if arguments.into:
        data = _read(arguments.into, "give -o FILE to create a file")
        approve(data, arguments.into)
        return data
    if arguments.output is None or not os.path.isfile(arguments.output):
        return SecretBytes()

    data = _read(arguments.output)
    reading = envfile.docker(data)
    if reading.refusal is not None or {one.name for one in reading.assignments} - {TYPE, DATA}:
        raise UsageError(
            f"{arguments.output} exists, and contains more than credentials", "give --into FILE to keep its other lines"
        )
    return data


def _read(path: str, hint: str = "", *otherwise: str) -> SecretBytes:
    """Return the bytes of a file; raise LocalError, with the hint, if it does not exist."""
    try:
        return files.read_env_file(path, *otherwise)
    except LocalError as fault:
        raise LocalError(fault.message, *filter(None, [hint])) from None


def _default_path() -> str:
    """Return the path of docker's file (docker/cli cli/config/config.go), or of its predecessor if only that exists.

    A credential in DOCKER_AUTH_CONFIG belongs to a single job and is ignored.
    """
    folder = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    path, old = os.path.join(folder, "config.json"), os.path.expanduser(_OLD_PLACE)
    return old if not os.path.exists(path) and os.path.exists(old) else path


def _config(path: str) -> DockerConfig:
    """Parse docker's file; raise an EcsauthError that names the file."""
    hint = "log in first: docker login; or give the path of docker's config.json"
    data = _read(path, hint, "it is not a config.json of docker")
    try:
        return docker_config.parse(data)
    except InvalidError as fault:
        raise InvalidError(f"{inputs.for_people(path)}: {fault.message}", *fault.hints) from None


def _show(arguments: argparse.Namespace, made: Import, written: _Written, findings: tuple[Finding, ...]) -> None:
    """Report the source of the import, and the changes: registries, never a value."""
    if arguments.format == "json":
        console.show(
            {
                "file": written.place,
                "written": written.before != written.after,
                "imported": [{"registry": named(one.registry), "source": _source(one)} for one in made.taken],
                "refused": [refusal._asdict() for refusal in made.refusals],
                "changes": [change._asdict() for change in written.changes()],
                "findings": document(findings, written.place or "-")["findings"],
            }
        )
        return
    name = inputs.for_people(written.place) if written.place else "standard output"
    tell(findings, name)
    for one in made.taken:
        console.say(f"{named(one.registry)}: imported from {_source(one)}")
    if arguments.into:
        for change in written.changes():
            console.say(str(change))
    if written.place:
        console.say(f"wrote {name}, 0600" if written.before != written.after else f"{name}: nothing to change")


def _source(taken: Taken) -> str:
    return f"{PROGRAM}{taken.helper}" if taken.helper else "config.json"
