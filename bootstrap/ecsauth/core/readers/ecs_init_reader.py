"""How ecs-init reads /etc/ecs/ecs.config for the agent's container: amazon-ecs-agent ecs-init/docker, getEnvVars."""

from __future__ import annotations

from ecsauth.core.go_space import GO_SPACE
from ecsauth.core.readers.reading import (
    Assignment,
    Reading,
    Refusal,
    RefusalReason,
    Skipped,
    SkipReason,
    start_failure,
)
from ecsauth.core.secret import Secret


def ecs_init(data: bytes) -> Reading:
    """Read the file as ecs-init does for the agent's container.

    Every line is trimmed at both ends and split at its first `=`; nothing is a comment, no name is invalid and a byte
    order mark is part of the first one. ecs-init itself refuses nothing; the refusal is the engine's, which answers
    400 to an empty name when the container is created (moby opts.ValidateEnv), so that the agent does not start.
    Source: ecs-init/docker/docker.go, getEnvVars, 1.105.1.
    """
    assignments: list[Assignment] = []
    skipped: list[Skipped] = []
    for number, raw in enumerate(data.split(b"\n"), start=1):
        line = raw.decode("utf-8", "surrogateescape")
        text = line.lstrip(GO_SPACE)
        column = len(line) - len(text) + 1
        name, equals, value = text.rstrip(GO_SPACE).partition("=")
        if equals:
            assignments.append(Assignment(name, Secret(value), number, column, column + len(name) + 1))
        elif name and not name.startswith("#"):
            skipped.append(Skipped(number, SkipReason.NO_EQUALS))
    nameless = [one.line for one in assignments if not one.name]
    refusal = Refusal(RefusalReason.EMPTY_NAME, nameless[0]) if nameless else None
    # Only the last of each name is sent: ecs-init keeps them in a Go map.
    sent = {one.name: one for one in assignments}.values()
    return Reading(tuple(assignments), tuple(skipped), refusal, None if refusal else start_failure(sent))
