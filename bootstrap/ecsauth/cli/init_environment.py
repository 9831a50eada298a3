"""`init`: the entry of the environment in `ecsauth.toml`, by whose name the next commands go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Optional

from ecsauth import aws_names
from ecsauth.cli import console, environment_file
from ecsauth.cli.environments import Environment
from ecsauth.errors import LocalError, UsageError

if TYPE_CHECKING:
    from ecsauth.deploy.init_commands import CommandPlace
    from ecsauth.deploy.stack_state import DeployedStack

_LONGEST = 64


def name_of(prefix: str) -> str:
    """Return the name of the environment: its prefix, with a dash for what no name may have."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", prefix)[:_LONGEST]


def remember(stack: DeployedStack, place: CommandPlace) -> Optional[str]:
    """Write the entry, unless it is there, and return its name.

    None if the name is another environment's, or if the file cannot be used: the account is set up all the same.
    """
    outputs = stack.outputs
    environment = Environment(
        name_of(outputs["Prefix"]),
        aws_names.parse(outputs["EnvFileUri"]),
        outputs["KeyArn"],
        outputs["BucketOwner"],
        place.region,
        place.profile,
    )
    try:
        file = environment_file.load()
        present = file.environments.get(environment.name) if file else None
        if present is not None and present.uri != environment.uri:
            console.warn(f"[env.{environment.name}] of {present.source} is for {present.uri}: it stays as it is")
            return None
        if present is not None and place.profile is None:
            # The operator has chosen it for this environment; this run had its credentials from elsewhere.
            environment = environment._replace(profile=present.profile)
        if present is None or present.values() != environment.values():
            path = environment_file.default_path()
            environment_file.write_entry(path, environment)
            console.say(f"wrote [env.{environment.name}] to {path}")
    except (LocalError, UsageError) as fault:
        console.warn(f"the environment has no name: {fault.message}")
        return None
    return environment.name
