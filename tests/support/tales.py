"""Tales of boots that are killed: what stands after some runs, and every way to go on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Protocol

from boot_model import Killed, Life
from ecsauth.errors import EcsauthError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from boot_model import Offer
    from ecsauth.boot.outcome import BootReport

# More than any run has.
MOST_POINTS = 200


class World(Protocol):
    """An instance of a model."""

    def boot(self, offer: Offer, life: Life, after: Callable[[], object]) -> BootReport:
        """Boot to the end; `after` is called after each change."""

    def rest(self, seconds: int, ecs: str) -> None:
        """Leave the instance alone for so long, with ECS as it is."""

    def standing(self) -> Any:
        """Return what stands now."""

    def stand(self, standing: Any) -> None:
        """Make it stand as it did."""


class Told(NamedTuple):
    """What stands after some runs, the offers that led there, and the newest version among them."""

    standing: Any
    story: tuple[str, ...]
    newest: int


def runs(world: World, before: Told, offer: Offer, after: Callable[[], object] = lambda: None) -> Iterator[Told]:
    """Yield what stands after a run that goes well or fails, and after one that is killed at each of its changes.

    `after` is called after each change, and after each run.
    """
    newest = max(before.newest, offer.number or 0)
    for until in (None, *range(MOST_POINTS)):
        life = Life(until)
        world.stand(before.standing)
        try:
            ended = world.boot(offer, life, after).outcome.value
        except Killed:
            ended = f"killed at {until}"
        except EcsauthError as fault:
            ended = fault.message
        after()
        if until is not None and not life.is_over:
            return
        yield Told(world.standing(), (*before.story, f"{offer}: {ended}"), newest)


def distinct(tales: Iterable[Told]) -> list[Told]:
    """Return one of all the tales that have led to the same: from there they go on alike."""
    found: dict[tuple[Any, int], Told] = {}
    for told in tales:
        found.setdefault((told.standing, told.newest), told)
    return list(found.values())
