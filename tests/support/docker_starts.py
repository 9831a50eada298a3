"""What a model of an instance with docker may look like before a story begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boot_model import Offer
from docker_model import One
from ecsauth.boot.docker_plan import NAME

if TYPE_CHECKING:
    from boot_model import World

FOREIGN_FILE = b"ECS_CLUSTER=demo\n"
FOREIGN_AGENT = One("foreign", True, "always")


def nothing(_: World) -> None:
    """Leave the instance as it is."""


def foreign(world: World) -> None:
    """Put somebody else's file and agent there."""
    world.disk.write_env_file(FOREIGN_FILE)
    world.docker.containers[NAME] = FOREIGN_AGENT


def booted(world: World) -> None:
    """Boot with the first version."""
    world.boot(Offer(1))
