"""`ecsauth which`: the credential that the agent would send for an image."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Optional

from bootstrap.cli import options

if TYPE_CHECKING:
    import argparse

    from bootstrap.cli.options import Parser
    from bootstrap.core.credential import Credential, Entry
    from bootstrap.core.image_match import Match, Step

# What each step of the lookup means; the registry stands in for {}.
_STEPS = {
    "host": "the image's host is {}",
    "hub-key": "Docker Hub: the agent looks up only {}, and it is there",
    "hub-key-absent": "Docker Hub: the agent looks up only {}, and it is not there",
    "host-key": "{} is a key: it serves whatever no longer key does",
    "host-key-absent": "no key is just {}",
    "no-key": "no key is for {}",
    "prefix": "{} is a prefix of the image",
    "other-path": "{} is for another path",
    "only-key": "{} is the only key of this host, so it serves every path",
    "longest-prefix": "{} is the longest prefix",
    "map-order": "{} may win: the agent takes what its map happens to give first",
    "collision": "several keys are {} once the scheme is cut: which one stays is random at each start",
}


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("image", metavar="IMAGE", nargs="+", help="as in a task definition")
    parser.add_argument("--file", metavar="FILE", required=True, help="a path, an S3URI, or - for standard input")
    parser.add_argument("--why", action="store_true", help="show the steps of the lookup")
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print an answer an image; user names are shown, passwords never."""
    from bootstrap.cli import console
    from bootstrap.cli.sources import read
    from bootstrap.core import image_match, readers, registry_auth
    from bootstrap.core.errors import ExitCode, InvalidError

    reading = readers.docker(read(arguments.file, arguments))
    if reading.refusal is not None:
        raise InvalidError(
            f"{arguments.file} cannot be read by docker at all", f"see why: ecsauth check {arguments.file}"
        )
    environment = {name: value.reveal() for name, value in reading.process_environment().items()}
    auth = registry_auth.parse(environment.get("ECS_ENGINE_AUTH_TYPE"), environment.get("ECS_ENGINE_AUTH_DATA"))
    matches = {image: image_match.match(auth, image) for image in arguments.image}
    if arguments.format == "json":
        console.show({"answers": [_answer(image, match) for image, match in matches.items()]})
    else:
        for image, match in matches.items():
            sys.stdout.write(_text(image, match, why=arguments.why))
    return ExitCode.OK


def _answer(image: str, match: Match) -> dict[str, Any]:
    candidates = [{"registry": _registry(entry), "username": _username(sent)} for entry, sent in match.candidates]
    return {"image": image, "deterministic": match.deterministic, "candidates": candidates}


def _text(image: str, match: Match, *, why: bool) -> str:
    candidates = [_candidate(entry, sent) for entry, sent in match.candidates]
    if match.deterministic:
        lines = [f"{image}: {candidates[0]}"]
    else:
        lines = [f"{image}: random between these", *(f"  {candidate}" for candidate in candidates)]
    if why:
        lines += [f"  because {_step(step)}" for step in match.steps]
    return "\n".join(lines) + "\n"


def _candidate(entry: Optional[Entry], sent: Credential) -> str:
    if entry is None:
        return "anonymous"
    username = _username(sent)
    return f"{_registry(entry)} as {username}" if username else f"{_registry(entry)}, which names no user"


def _username(sent: Credential) -> Optional[str]:
    """Return the user that docker sees: named, or inside a pass-through `auth`; None is anonymous."""
    from bootstrap.core import auth_value
    from bootstrap.core.readers.reading import as_sent

    name = sent.username or auth_value.decode(sent.auth.reveal()).username
    return as_sent(name) or None


def _registry(entry: Optional[Entry]) -> Optional[str]:
    from bootstrap.core.registry_key import printable

    return None if entry is None else printable(entry.key) or "a key with user information in it"


def _step(step: Step) -> str:
    from bootstrap.core.registry_key import printable

    return _STEPS[step.kind.value].format(printable(step.registry) or "a key with user information in it")
