"""Obtain an env-file to install: find region and account, fetch, verify, validate (steps 2 to 5 of a boot)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Protocol

from ecsauth.boot import candidate, trust
from ecsauth.boot.candidate import DEFAULT_SECONDS
from ecsauth.boot.state import Ahead, Source, State
from ecsauth.boot.trust import ObjectFacts, Pins
from ecsauth.check import approve, rules
from ecsauth.envfile import overrides
from ecsauth.errors import DeniedError
from ecsauth.secret import SecretBytes
from ecsauth.timing import Clock, Deadline, persist

if TYPE_CHECKING:
    from ecsauth.aws_names import S3URI
    from ecsauth.envfile.overrides import Setting
    from ecsauth.finding import Finding

    # Gets an object, unless it has still these facts.
    _Get = Callable[[S3URI, Optional[ObjectFacts]], Optional["Fetched"]]


class Identity(NamedTuple):
    """The region of this instance, and the account that must own the bucket."""

    region: str
    account: str


class Fetched(NamedTuple):
    """An S3 object: its metadata and its bytes."""

    facts: ObjectFacts
    body: SecretBytes


class Accepted(NamedTuple):
    """An env-file that was fetched, verified and validated. `is_new` is false if an earlier run has installed it.

    `stale_for` is set if S3 was unreachable: the seconds since S3 last confirmed this version. `ahead` is set if it is
    a candidate.
    """

    facts: ObjectFacts
    data: SecretBytes
    source: Source
    is_new: bool
    findings: tuple[Finding, ...] = ()
    stale_for: Optional[int] = None
    ahead: Optional[Ahead] = None


class Instance(Protocol):
    """The metadata service."""

    def identity(self, seconds: float) -> Identity:
        """Return region and account within `seconds`; raise UnreachableError or DeniedError."""


class Store(Protocol):
    """S3, as the instance uses it."""

    def fetch(self, uri: S3URI, identity: Identity, unless: Optional[str], seconds: float) -> Optional[Fetched]:
        """Return the object, or None if its ETag is still `unless`.

        Raises DeniedError (a bucket of another account included) and UnreachableError.
        """


class Demand(NamedTuple):
    """The env-file that is wanted, and the conditions on it.

    `max_stale` is the number of seconds for which a file is used that S3 does not confirm; None means no limit.
    `candidate` is the version ID of a candidate to take, for at most `candidate_for` seconds. `withdraw` ends a
    candidate that the instance has.
    """

    uri: S3URI
    kms_keys: tuple[str, ...]
    env_file: str
    region: Optional[str] = None
    bucket_owner: Optional[str] = None
    settings: tuple[Setting, ...] = ()
    allow_older: bool = False
    force: bool = False
    max_stale: Optional[float] = None
    candidate: Optional[str] = None
    candidate_for: float = DEFAULT_SECONDS
    withdraw: bool = False


class Present(NamedTuple):
    """What this instance has: the state, the env-file, whether it was edited, and what of it can be used again."""

    state: State
    present: Optional[SecretBytes]
    edited: bool
    reusable: Optional[ObjectFacts]


class Intake:
    """Obtains the env-file that a demand describes.

    It passes `warn` each problem that does not stop the run, `lap` the name of each finished step, and `tell` what it
    waits for next.
    """

    def __init__(
        self,
        demand: Demand,
        instance: Instance,
        store: Store,
        clock: Clock,
        *,
        warn: Callable[[str], None],
        lap: Callable[[str], None],
        tell: Callable[[str], None],
    ) -> None:
        self._demand = demand
        self._instance = instance
        self._store = store
        self._clock = clock
        self._warn = warn
        self._lap = lap
        self._tell = tell

    def obtain(
        self, state: State, present: Optional[SecretBytes], verified: Optional[bytes], deadline: Deadline
    ) -> Accepted:
        """Return the env-file to install, or the present one if S3 confirms that it is current.

        `present` is the env-file on disk, `verified` the verified copy. Only if both are equal and were accepted on the
        same terms, the request to S3 is conditional (If-None-Match).
        Raises DeniedError, UnreachableError and InvalidError.
        """
        identity = self._identify(deadline)
        source = self._source(identity)
        edited = present is None or present != verified
        reusable = _reusable(state, source) if not edited and not self._demand.force else None
        known = Present(state, present, edited, reusable)

        def get(uri: S3URI, unless: Optional[ObjectFacts]) -> Optional[Fetched]:
            self._tell(f"fetching {uri}")
            etag = unless.etag if unless is not None else None
            fetched = persist(lambda left: self._store.fetch(uri, identity, etag, left), self._clock, deadline)
            self._lap("fetch")
            return fetched

        if self._demand.candidate is not None:
            return self._take(self._demand.candidate, known, source, get)
        ahead = self._still_ahead(state)
        if ahead is not None:
            return self._stay(ahead, known, source, get)
        is_released = state.installed is not None and state.installed.ahead is None
        return self._released(get(self._demand.uri, reusable if is_released else None), known, source)

    def _released(self, fetched: Optional[Fetched], known: Present, source: Source) -> Accepted:
        """Return the released version; `fetched` is None if it is the installed one."""
        if fetched is not None:
            self._note_edit(known)
            return self._accept(fetched, source, known.state)
        if known.reusable is None or known.present is None:
            raise _unasked()
        return Accepted(known.reusable, known.present, source, is_new=False)

    def _still_ahead(self, state: State) -> Optional[Ahead]:
        """Return how this instance is ahead, None if it is not, or if its candidate is withdrawn or has expired."""
        ahead = candidate.current(state, self._demand.uri)
        if ahead is None or state.installed is None or self._demand.withdraw:
            return None
        if candidate.has_ended(ahead, self._clock.wall()):
            said = f"candidate {state.installed.facts.identity} {'was withdrawn' if ahead.withdrawn else 'has expired'}"
            self._warn(f"{said} ({candidate.in_words(ahead)}): the released version follows")
            return None
        return ahead

    def _stay(self, ahead: Ahead, known: Present, source: Source, get: _Get) -> Accepted:
        """Return the candidate that is installed, unless the released object has another version than before."""
        fetched = get(self._demand.uri, ahead.released)
        if fetched is not None and not fetched.facts.is_same_object(ahead.released):
            return self._released(fetched, known, source)
        installed = known.state.installed
        if installed is None:
            raise AssertionError("only an installed version is ahead")
        if known.reusable is not None and known.present is not None:
            return Accepted(known.reusable, known.present, source, is_new=False, ahead=ahead)
        try:
            return self._candidate(installed.facts.version_id or "null", ahead, known, source, get)
        except DeniedError as fault:
            self._warn(f"candidate {installed.facts.identity} cannot be read again: {fault.message}")
            return self._released(get(self._demand.uri, None), known, source)

    def _take(self, version: str, known: Present, source: Source, get: _Get) -> Accepted:
        """Return the candidate of that version ID.

        The released object is read as well: its present version is the one that does not end the candidate.
        """
        state, now = known.state, self._clock.wall()
        before = candidate.current(state, self._demand.uri)
        seen = before.released if before is not None else None
        if before is None and state.installed is not None and state.installed.source == source:
            seen = state.installed.facts
        fetched = get(self._demand.uri, seen)
        if fetched is not None:
            self._verify(fetched.facts, self._demand.uri, _predecessor(state, self._demand.uri))
            seen = fetched.facts
        if seen is None:
            raise _unasked()
        is_same = before is not None and state.installed is not None and state.installed.facts.version_id == version
        # A start in the future, by a clock that was set back, would end the candidate at once.
        since = before.since if before is not None and is_same and before.since <= now else now
        ahead = Ahead(seen, since, now + int(self._demand.candidate_for))
        if is_same and known.reusable is not None and known.present is not None:
            return Accepted(known.reusable, known.present, source, is_new=False, ahead=ahead)
        return self._candidate(version, ahead, known, source, get)

    def _candidate(self, version: str, ahead: Ahead, known: Present, source: Source, get: _Get) -> Accepted:
        uri = candidate.uri_of(self._demand.uri, version)
        fetched = get(uri, None)
        if fetched is None:
            raise _unasked()
        self._note_edit(known)
        return self._accept(fetched, source, known.state, uri)._replace(ahead=ahead)

    def _note_edit(self, known: Present) -> None:
        if known.edited and known.state.installed is not None and known.state.in_progress is None:
            self._warn(f"{self._demand.env_file} was changed after ecsauth installed it: boot replaces it")

    def _identify(self, deadline: Deadline) -> Identity:
        region, owner = self._demand.region, self._demand.bucket_owner
        if region is not None and owner is not None:
            return Identity(region, owner)
        self._tell("asking the metadata service who this instance is")
        found = persist(self._instance.identity, self._clock, deadline)
        self._lap("identity")
        return Identity(region or found.region, owner or found.account)

    def _source(self, identity: Identity) -> Source:
        return Source(
            uri=str(self._demand.uri),
            bucket_owner=identity.account,
            kms_keys=self._demand.kms_keys,
            env_file=self._demand.env_file,
            settings=tuple(str(setting) for setting in self._demand.settings),
            rules=rules.EDITION,
        )

    def _verify(self, facts: ObjectFacts, uri: S3URI, predecessor: Optional[ObjectFacts]) -> None:
        pins = Pins(self._demand.kms_keys, uri.version_id, self._demand.allow_older)
        doubts = trust.distrust(facts, pins, predecessor)
        if doubts:
            reasons = "; ".join(doubt.reason for doubt in doubts)
            raise DeniedError(f"{uri} failed the verification: {reasons}", *(doubt.hint for doubt in doubts))

    def _accept(self, fetched: Fetched, source: Source, state: State, of: Optional[S3URI] = None) -> Accepted:
        """Verify and validate the released object or the candidate `of`."""
        uri = of or self._demand.uri
        self._verify(fetched.facts, uri, None if of else _predecessor(state, uri))
        if fetched.facts.checksum is None:
            self._warn(f"{uri} has no checksum that can be verified here: push it again to add one")
        data = SecretBytes(overrides.apply(fetched.body, self._demand.settings))
        findings = approve(data, str(uri))
        self._lap("check")
        return Accepted(fetched.facts, data, source, is_new=True, findings=findings)


def _reusable(state: State, source: Source) -> Optional[ObjectFacts]:
    """Return the facts of the installed version if it was accepted on the same terms, else None.

    Return None while a change is open: a killed run may have recorded one version and left the bytes of another.
    """
    if state.installed is None or state.in_progress is not None or state.installed.source != source:
        return None
    return state.installed.facts


def _predecessor(state: State, uri: S3URI) -> Optional[ObjectFacts]:
    """Return the facts of the installed version if it came from the same object, else None.

    A candidate is newer than the released version, to which the instance may return: then it is the version that was
    seen when the candidate was taken.
    """
    if state.installed is None or state.installed.source.uri.partition("?")[0] != uri.object_uri:
        return None
    ahead = state.installed.ahead
    return state.installed.facts if ahead is None else ahead.released


def _unasked() -> DeniedError:
    return DeniedError("S3 answered an unconditional request with 304 Not Modified")
