"""What docker, ecs-init and systemd each make of the bytes of one env-file.

Every reader is a pure function from the file's bytes to a `Reading`, and follows the real program step by step, its
quirks included; none of them normalises anything for the others. python-dotenv's reading is not here: it needs that
library (ecsauth.edges.dotenv_dialect).
"""

from __future__ import annotations

from ecsauth.core.readers.docker_reader import docker
from ecsauth.core.readers.ecs_init_reader import ecs_init
from ecsauth.core.readers.reading import (
    LONGEST_STRING,
    Assignment,
    Reading,
    Refusal,
    RefusalReason,
    Skipped,
    SkipReason,
)
from ecsauth.core.readers.systemd_reader import systemd

__all__ = [
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
