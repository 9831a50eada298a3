"""What docker, ecs-init and systemd each make of the bytes of one env-file.

Every reader is a pure function from the file's bytes to a `Reading`, and follows the real program step by step, its
quirks included; none of them normalises anything for the others. python-dotenv's reading is not here: it needs that
library (ecsauth.envfile.dotenv).
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
