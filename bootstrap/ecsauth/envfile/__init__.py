"""How docker, ecs-init and systemd each read the bytes of an env-file.

Every reader is a pure function from the file's bytes to a `Reading`. It follows the real program step by step,
including its quirks, and normalises nothing for the other readers. The reader for python-dotenv is in
`ecsauth.envfile.dotenv`, because it needs that library.
"""

from __future__ import annotations

from ecsauth.envfile.docker import docker, ecs_init
from ecsauth.envfile.reading import (
    LARGEST,
    LONGEST_STRING,
    Assignment,
    Reading,
    Refusal,
    RefusalReason,
    Skipped,
    SkipReason,
)
from ecsauth.envfile.systemd import systemd

__all__ = [
    "LARGEST",
    "LONGEST_STRING",
    "Assignment",
    "Reading",
    "Refusal",
    "RefusalReason",
    "SkipReason",
    "Skipped",
    "docker",
    "ecs_init",
    "systemd",
]
