"""Obtain an env-file to install: find region and account, fetch, verify, validate (steps 2 to 5 of a boot)."""

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
    """The region of this instance, and the account that must own the bucket."""

    region: str
    account: str


class Fetched(NamedTuple):
    """An S3 object: its metadata and its bytes."""

    facts: ObjectFacts
    body: SecretBytes


class Accepted(NamedTuple):
    """An env-file that was fetched, verified and validated. `is_new` is false if an earlier run has installed it.

    `stale_for` is set if S3 was unreachable: the seconds since S3 last confirmed this version.
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
    """The env-file that is wanted, and the conditions on it.

    `max_stale` is the number of seconds for which a file is used that S3 does not confirm; None means no limit.
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
        known = _reusable(state, source) if not edited and not self._demand.force else None
        etag = known.etag if known else None
        self._tell(f"fetching {self._demand.uri}")
        fetched = persist(lambda left: self._store.fetch(self._demand.uri, identity, etag, left), self._clock, deadline)
        self._lap("fetch")
        if fetched is not None:
            if edited and state.installed is not None and state.in_progress is None:
                self._warn(f"{self._demand.env_file} is not as ecsauth left it: it is replaced")
            return self._accept(fetched, source, state)
        if known is None or present is None:
            raise DeniedError("S3 answered that the object has not changed, but was not asked that")
        return Accepted(known, present, source, is_new=False)

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
    """Return the facts of the installed version if it was accepted on the same terms, else None.

    Return None while a change is open: a killed run may have recorded one version and left the bytes of another.
    """
    if state.installed is None or state.in_progress is not None or state.installed.source != source:
        return None
    return state.installed.facts


def _predecessor(state: State, uri: S3URI) -> Optional[ObjectFacts]:
    """Return the facts of the installed version if it came from the same object, else None."""
    if state.installed is None or state.installed.source.uri.partition("?")[0] != uri.object_uri:
        return None
    return state.installed.facts
