"""From S3 to bytes that may be installed: who am I, fetch, trust, check (steps 2 to 5 of a boot)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Protocol

from ecsauth.boot import trust
from ecsauth.boot.state import Source, State
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


class Identity(NamedTuple):
    """Where this instance runs: its region and, for the bucket's owner, an account."""

    region: str
    account: str


class Fetched(NamedTuple):
    """An object: what S3 says of it, and its bytes."""

    facts: ObjectFacts
    body: SecretBytes


class Accepted(NamedTuple):
    """An env-file that was fetched, trusted and checked; not `is_new` if that was done by an earlier run.

    `stale_for` is set where S3 could not be asked: the seconds since it last said that this version is current.
    """

    facts: ObjectFacts
    data: SecretBytes
    source: Source
    is_new: bool
    findings: tuple[Finding, ...] = ()
    stale_for: Optional[int] = None


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
    """Which env-file is wanted, and what has to hold of it.

    `max_stale` is for how many seconds a file is gone on with that S3 could not confirm, None: for ever.
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


class Intake:
    """Obtains what a demand asks for.

    `warn` takes what the operator should know although the run goes on, `lap` the name of each step that has ended.
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
    ) -> None:
        self._demand = demand
        self._instance = instance
        self._store = store
        self._clock = clock
        self._warn = warn
        self._lap = lap

    def obtain(
        self, state: State, standing: Optional[SecretBytes], verified: Optional[bytes], deadline: Deadline
    ) -> Accepted:
        """Return the env-file to install, or the standing one if S3 says that it is still current.

        `standing` is what is in the env-file's place, `verified` the private copy of what was last proved good:
        only if they are equal, and were accepted on the same terms, S3 is asked for changes alone.
        Raises DeniedError, UnreachableError and InvalidError.
        """
        identity = self._identify(deadline)
        source = self._source(identity)
        edited = standing is None or standing != verified
        known = _reusable(state, source) if not edited and not self._demand.force else None
        etag = known.etag if known else None
        fetched = persist(lambda left: self._store.fetch(self._demand.uri, identity, etag, left), self._clock, deadline)
        self._lap("fetch")
        if fetched is not None:
            if edited and state.installed is not None and state.in_progress is None:
                self._warn(f"{self._demand.env_file} is not as ecsauth left it: it is replaced")
            return self._accept(fetched, source, state)
        if known is None or standing is None:
            raise DeniedError("S3 answered that the object has not changed, but was not asked that")
        return Accepted(known, standing, source, is_new=False)

    def _identify(self, deadline: Deadline) -> Identity:
        region, owner = self._demand.region, self._demand.bucket_owner
        if region is not None and owner is not None:
            return Identity(region, owner)
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

    def _accept(self, fetched: Fetched, source: Source, state: State) -> Accepted:
        uri = self._demand.uri
        pins = Pins(self._demand.kms_keys, uri.version_id, self._demand.allow_older)
        doubts = trust.distrust(fetched.facts, pins, _predecessor(state, uri))
        if doubts:
            reasons = "; ".join(doubt.reason for doubt in doubts)
            raise DeniedError(f"{uri} is not to be trusted: {reasons}", *(doubt.hint for doubt in doubts))
        if fetched.facts.checksum is None:
            self._warn(f"{uri} carries no checksum that can be verified here: push it again to give it one")
        data = SecretBytes(overrides.apply(fetched.body, self._demand.settings))
        findings = approve(data, str(uri))
        self._lap("check")
        return Accepted(fetched.facts, data, source, is_new=True, findings=findings)


def _reusable(state: State, source: Source) -> Optional[ObjectFacts]:
    """Return what is installed if it was accepted on the same terms.

    Not while a change is open: a run that was killed in it may have recorded one version and left the bytes of another.
    """
    if state.installed is None or state.in_progress is not None or state.installed.source != source:
        return None
    return state.installed.facts


def _predecessor(state: State, uri: S3URI) -> Optional[ObjectFacts]:
    """Return what is installed if it is an earlier upload of the same object."""
    if state.installed is None or state.installed.source.uri.partition("?")[0] != uri.object_uri:
        return None
    return state.installed.facts
