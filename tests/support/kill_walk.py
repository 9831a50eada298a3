"""A boot that is killed at one call after another, each time gone on with by the next run.

A `Walk` is one kind of run on one machine. Its `points` are the system calls at which it can be killed: those on a path
in ecsauth's two directories, and those that start a docker command, wait for it and see it end. `kill_at` kills it at
one of them, says of what is left that nothing of it is broken, and of the runs that follow that they get where they
should.
"""

from __future__ import annotations

import itertools
import shutil
import signal
import stat
from typing import TYPE_CHECKING, NamedTuple, Optional

import program
from docker_engine import AGENT
from ecsauth.boot.state import State
from machine import auth_file
from watch import command_points, kill_points, watch

if TYPE_CHECKING:
    from machine import Machine
    from program import Ended
    from watch import Watched

Point = tuple[str, int]

KILLED, LAUNCH = -9, 7
INTERRUPTED = (128 + signal.SIGINT, 128 + signal.SIGTERM)
PARKED = f"{AGENT}-previous"
FOREIGN, FOREIGN_MODE = b"ECS_CLUSTER=demo\n", 0o644
# A run asks again and again whether its agent has registered: how often is not the same each time, so that a call
# which comes after it may have another number, or never come. Then a run is killed at the one before.
TRIES = 6


class Scene(NamedTuple):
    """What stands before the run that is killed, and which stand-in agent that run starts, None: none.

    `before` is `nothing`, `foreign` (a file that is not ecsauth's) or `booted` (an earlier version).
    """

    name: str
    before: str
    variant: Optional[str] = None

    @property
    def fails(self) -> bool:
        """Whether the agent does not come up."""
        return self.variant == "crashing"


SCENES: dict[str, tuple[Scene, ...]] = {
    "none": (
        Scene("first file", "nothing"),
        Scene("in place of somebody else's file", "foreign"),
        Scene("rotation", "booted"),
    ),
    "docker": (
        Scene("first agent", "nothing", "healthy"),
        Scene("first agent fails", "nothing", "crashing"),
        Scene("rotation", "booted", "healthy"),
        Scene("rotation fails", "booted", "crashing"),
    ),
}


class Walk:
    """One scene, played over and over; `begin` after anything else has changed the machine."""

    def __init__(self, machine: Machine, scene: Scene) -> None:
        self._machine = machine
        self._scene = scene
        self._numbers = itertools.count(1)
        self._contents: dict[str, bytes] = {}
        self._standing: Optional[bytes] = None

    def begin(self) -> None:
        """Forget what stands: the next run is played on a machine made anew."""
        self._standing = None

    def points(self) -> list[Point]:
        """Return the calls at which the run can be killed, in order, as seen in a run that is not."""
        machine = self._machine
        # The first one may have to compile modules; of the others the one with the fewest calls: most have those.
        self._watch_whole()
        seen = min((self._watch_whole() for _ in range(2)), key=lambda watched: len(watched.events))
        places = kill_points(seen, machine.place, machine.state_place)
        at = {point: number for number, point in enumerate(_all_points(seen))}
        return sorted({*places, *command_points(seen)}, key=at.__getitem__)

    def kill_at(self, point: Point) -> None:
        """Kill a run there and go on; raise AssertionError, with the reason, if anything is not as it has to be."""
        call, number = point
        for before in range(TRIES):
            new = self._set_out()
            ended = self._run_watched((call, max(1, number - before)))
            if ended.returncode == KILLED:
                self._assert_unbroken(new)
                self._go_on(new)
                return
            _insist(ended.returncode == self._status, f"it ends with {ended.returncode}: {ended.stderr!r}")
            self._go_on(new)
        raise AssertionError(f"{TRIES} runs have ended without that call")

    @property
    def _status(self) -> int:
        return LAUNCH if self._scene.fails else 0

    def _options(self, variant: Optional[str]) -> tuple[str, ...]:
        return ("--launch=none",) if variant is None else (f"--image={self._machine.docker.image(variant)}",)

    def _run_watched(self, kill: Optional[Point] = None) -> Watched:
        # Hashes of texts decide in which order some modules look for files.
        env = self._machine.environment(PYTHONHASHSEED="0")
        return watch(self._machine.command(*self._options(self._scene.variant)), env=env, kill=kill, alone=True)

    def _watch_whole(self) -> Watched:
        """Watch a run to its end."""
        new = self._set_out()
        seen = self._run_watched()
        _insist(seen.returncode == self._status, f"not killed it ends with {seen.returncode}: {seen.stderr!r}")
        self._go_on(new)
        return seen

    def _run(self, variant: Optional[str], *more: str) -> Ended:
        arguments = self._machine.boot_arguments(*self._options(variant), *more)
        done = program.run_here(*arguments, env=self._machine.environment())
        if done.status in INTERRUPTED:
            # The signal was meant for all of this; the run in this process has taken it for its own.
            raise KeyboardInterrupt
        return done

    def _put(self) -> bytes:
        content = auth_file(f"password-{next(self._numbers)}")
        self._contents[self._machine.put(content)] = content
        return content

    def _set_out(self) -> bytes:
        """Make it stand as before the run, and return the content of the version that the run is to find in S3."""
        if self._standing is None or self._scene.before != "booted":
            self._clear()
        if self._scene.before == "foreign":
            self._machine.place.mkdir(mode=0o755)
            self._machine.env_file.write_bytes(FOREIGN)
            self._machine.env_file.chmod(FOREIGN_MODE)
        if self._scene.before == "booted" and self._standing is None:
            self._standing = self._succeed()
        return self._put()

    def _clear(self) -> None:
        self._standing = None
        for place in (self._machine.place, self._machine.state_place):
            shutil.rmtree(place, ignore_errors=True)
        if self._scene.variant is not None:
            self._machine.docker.clean()

    def _succeed(self) -> bytes:
        """Put a version and boot with it."""
        content = self._put()
        done = self._run(self._scene.variant and "healthy")
        _insist(done.status == 0, f"a good version after it: {done.status}, {done.err}")
        self._assert_converged(content)
        return content

    def _go_on(self, new: bytes) -> None:
        """Run again, to the end, and assert that it gets to the new version or, if that fails, back and then on."""
        before, self._standing = self._standing, None
        done = self._run(self._scene.variant)
        _insist(done.status == self._status, f"the next run: {done.status}, {done.err}")
        if self._scene.fails:
            self._assert_failed(before, new)
            new = self._succeed()
        else:
            self._assert_converged(new)
        self._assert_quiet()
        self._standing = new

    def _assert_unbroken(self, new: bytes) -> None:
        """Assert of what a killed run has left that each part of it is whole, private, and fits the others."""
        machine = self._machine
        file = machine.standing_file()
        content = None if file is None else file.content
        foreign = FOREIGN if self._scene.before == "foreign" else None
        _insist(content in (self._standing, foreign, new), "the env-file is neither the old one nor the new one")
        _insist(file is None or stat.S_ISREG(file.mode), "the env-file is no plain file")
        self._assert_modes()
        if (machine.state_place / "checked").exists():
            _insist(content in (self._standing or new, new), "the mark stands beside a file that was not checked")
        if (machine.state_place / "state.json").exists():
            self._assert_recorded(content)
        if self._scene.variant is not None:
            self._assert_agents()

    def _assert_modes(self) -> None:
        machine = self._machine
        for place in (machine.place, machine.state_place):
            for path in place.iterdir() if place.is_dir() else ():
                mode = stat.S_IMODE(path.lstat().st_mode)
                as_it_was = path == machine.env_file and path.read_bytes() == FOREIGN
                _insist(mode == (FOREIGN_MODE if as_it_was else 0o600), f"{path.name} has mode {mode:o}")

    def _assert_recorded(self, content: Optional[bytes]) -> None:
        """A change that is not open is done: record, file, copy and mark are of one version."""
        machine = self._machine
        state = machine.state()
        _insist(state != State(), "the state cannot be read")
        if state.in_progress is not None or state.installed is None:
            return
        recorded = self._contents[state.installed.facts.version_id or ""]
        copy = (machine.state_place / "verified").read_bytes()
        _insist(content == recorded == copy, "no change is open, and file, verified copy and record differ")
        _insist((machine.state_place / "checked").exists(), "no change is open, and there is no mark")

    def _assert_agents(self) -> None:
        agents = self._machine.standing().agents
        _insist(set(agents) <= {AGENT, PARKED}, f"there are {sorted(agents)}")
        _insist(sum(agent.running for agent in agents.values()) <= 1, "two agents run")

    def _assert_failed(self, before: Optional[bytes], new: bytes) -> None:
        """With something to go back to, it is there again; else what failed stays."""
        if before is not None:
            self._assert_converged(before)
            return
        agents = sorted(self._machine.docker.agents())
        _insist(agents == [AGENT], f"after a first agent that failed there are {agents}")
        self._assert_place(new)
        rejected = self._machine.state().rejected
        _insist(rejected is not None, "the version that failed is not recorded as rejected")

    def _assert_converged(self, content: bytes) -> None:
        """Assert that files, record and the one agent are of that content, and that nothing else is left."""
        state = self._machine.state()
        self._assert_place(content)
        _insist((state.in_progress, state.previous) == (None, None), "a change is still open")
        installed = state.installed and state.installed.facts
        _insist(installed is not None and self._contents[installed.version_id or ""] == content, "the record differs")
        if self._scene.variant is None:
            return
        _insist(state.applied == state.verified == installed, "installed, applied and verified differ")
        agents = self._machine.standing().agents
        _insist(list(agents) == [AGENT], f"there are {sorted(agents)}")
        _insist(agents[AGENT].running, "the agent does not run")
        _insist(agents[AGENT].restart_policy == ("on-failure", 10), "docker is not to restart the agent")
        given = self._machine.docker.environment()["ECS_ENGINE_AUTH_DATA"]
        _insist(f"ECS_ENGINE_AUTH_DATA={given}\n".encode() in content, "the agent was given another version")

    def _assert_place(self, content: bytes) -> None:
        """Assert that the file is that content, proved good, private, and that nothing lies about."""
        machine = self._machine
        _insist(machine.env_file.read_bytes() == content, "the env-file is not the expected one")
        _insist((machine.state_place / "verified").read_bytes() == content, "the verified copy differs")
        _insist((machine.state_place / "checked").exists(), "there is no mark")
        _insist(not machine.strays(), f"left behind: {machine.strays()}")
        self._assert_modes()

    def _assert_quiet(self) -> None:
        """Assert that one run more changes nothing and asks S3 once, whether there is a change."""
        machine = self._machine
        before = machine.standing() if self._scene.variant else machine.standing_file()
        machine.proxy.requests.clear()
        done = self._run(self._scene.variant and "healthy", "--format=json")
        _insist(done.status == 0 and done.document["outcome"] == "unchanged", f"one run more: {done.out}{done.err}")
        after = machine.standing() if self._scene.variant else machine.standing_file()
        _insist(before == after, "one run more has changed something")
        asked = [(request.operation, "if-none-match" in request.headers) for request in machine.proxy.requests]
        _insist(asked == [("GetObject", True)], f"one run more has asked S3 for {asked}")


def _all_points(seen: Watched) -> list[Point]:
    """Return every call of a run `alone`, numbered as `watch(kill=…)` counts them."""
    counts: dict[str, int] = {}
    points = []
    for event in seen.events:
        counts[event.call] = counts.get(event.call, 0) + 1
        points.append((event.call, counts[event.call]))
    return points


def _insist(holds: object, what: str) -> None:
    """`assert`, for a program that runs without pytest: it says what was expected."""
    if not holds:
        raise AssertionError(what)
