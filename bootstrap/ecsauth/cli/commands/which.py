"""`ecsauth which`: show the credential that the agent would send for an image."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Optional

from ecsauth import envfile
from ecsauth.check import rules
from ecsauth.check.credentials import CODES
from ecsauth.cli import console, inputs, options
from ecsauth.cli.console import printable
from ecsauth.cli.inputs import read
from ecsauth.envfile.reading import as_sent
from ecsauth.errors import ExitCode, InvalidError
from ecsauth.finding import Severity
from ecsauth.registry import auth as registry_auth
from ecsauth.registry import match as registry_match

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser
    from ecsauth.registry.auth import RegistryAuth
    from ecsauth.registry.credential import Credential, Entry
    from ecsauth.registry.match import Match, MatchStep

# The meaning of each step of the lookup; {} is replaced by the registry.
_STEPS = {
    "host": "the image's host is {}",
    "hub-key": "Docker Hub: the agent looks up only {}, and it is there",
    "hub-key-absent": "Docker Hub: the agent looks up only {}, and it is not there",
    "host-key": "{} is a key: it serves every image without a longer key",
    "host-key-absent": "no key is exactly {}",
    "no-key": "no key is for {}",
    "prefix": "{} is a prefix of the image",
    "other-path": "{} is for another path",
    "only-key": "{} is the only key of this host, so it serves every path",
    "longest-prefix": "{} is the longest prefix",
    "map-order": "{} may be used: the agent takes the first key of a map with random order",
    "collision": "several keys are {} without their scheme: the agent keeps a random one at each start",
}


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("image", metavar="IMAGE", nargs="+", help="image name, as in a task definition")
    parser.add_argument("--file", metavar="FILE", required=True, help=options.A_FILE)
    options.take_name(parser, "file")
    parser.add_argument("--why", action="store_true", help="show the steps of the lookup")
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print one answer per image, with user names but never passwords; raise an EcsauthError."""
    auth = _auth(read(arguments.file, arguments), arguments.file)
    matches = [(image, registry_match.match(auth, image)) for image in arguments.image]
    if arguments.format == "json":
        console.show({"answers": [_answer(image, match) for image, match in matches]})
    else:
        sys.stdout.write("".join(_text(image, match, auth if arguments.why else None) for image, match in matches))
    return ExitCode.OK


def _auth(data: bytes, file: str) -> RegistryAuth:
    """Return the credentials that the agent has after docker has read the file; warn if they differ from the file's."""
    name, reading = inputs.for_people(file), envfile.docker(data)
    hint = f"see why: ecsauth check {inputs.for_shell(file) or file}"
    if reading.refusal is not None or reading.start_failure is not None:
        raise InvalidError(f"{name}: docker cannot start an agent with this file", hint)
    auth = registry_auth.in_environment(reading.process_environment())
    if _loses(auth):
        console.warn(f"{name}: the agent does not get all credentials of this file")
        console.say(f"hint: {hint}")
    elif registry_auth.in_environment(envfile.ecs_init(data).process_environment()).entries != auth.entries:
        console.warn(f"{name}: this result is for docker's --env-file; ecs-init reads other credentials")
        console.say(f"hint: {hint}")
    return auth


def _loses(auth: RegistryAuth) -> bool:
    """Tell whether the credentials have a problem that `check` reports as an error."""
    found = [rules.find(CODES[problem.kind]) for problem in auth.problems]
    return any(rule is not None and rule.severity is Severity.ERROR for rule in found)


def _answer(image: str, match: Match) -> dict[str, Any]:
    candidates = [{"registry": _registry(entry), "username": _username(sent)} for entry, sent in match.candidates]
    return {"image": image, "deterministic": match.deterministic, "candidates": candidates}


def _text(image: str, match: Match, why: Optional[RegistryAuth]) -> str:
    """Return an answer for people; if `why` is given, with the steps of the lookup."""
    candidates = [_candidate(entry, sent) for entry, sent in match.candidates]
    if match.deterministic:
        lines = [f"{image}: {candidates[0]}"]
    else:
        lines = [f"{image}: one of these, at random", *(f"  {candidate}" for candidate in candidates)]
    if why is not None:
        lines += [f"  because {reason}" for reason in (*_nothing(why), *map(_step, match.steps))]
    return "".join(f"{printable(line)}\n" for line in lines)


def _candidate(entry: Optional[Entry], sent: Credential) -> str:
    if entry is None:
        return "anonymous"
    username = _username(sent)
    return f"{_registry(entry)} as {username}" if username else f"anonymous: {_registry(entry)} has no user name"


def _username(sent: Credential) -> Optional[str]:
    """Return the user name of docker's login, None if there is none.

    docker does not decode an `auth` that was passed through (moby registry/auth.go, staticCredentialStore.Basic). For a
    login by token it uses the name `<token>` (docker-credential-helpers).
    """
    return as_sent(sent.username) or ("<token>" if sent.identitytoken or sent.registrytoken else None)


def _registry(entry: Optional[Entry]) -> Optional[str]:
    return None if entry is None else _shown(entry.key)


def _shown(key: str) -> str:
    """Return a registry, or the mask if it may contain a password."""
    from ecsauth.registry.keys import shown_key

    return shown_key(key) or "***"


def _step(step: MatchStep) -> str:
    return _STEPS[step.kind.value].format(_shown(step.registry))


def _nothing(auth: RegistryAuth) -> tuple[str, ...]:
    """Return the reasons why the agent has no registry at all."""
    if auth.entries:
        return ()
    if auth.kind:
        return ("the agent ignores ECS_ENGINE_AUTH_DATA",)
    return ("the agent has no credentials: ECS_ENGINE_AUTH_TYPE is neither docker nor dockercfg",)
