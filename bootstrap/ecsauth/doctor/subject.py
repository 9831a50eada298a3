"""The subject of `doctor`: the options of the command and, where an option is missing, the state of the last run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.boot.trust import Pins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ecsauth.aws_names import S3URI
    from ecsauth.boot.fetch import Identity
    from ecsauth.boot.service import Supervisor
    from ecsauth.boot.state import Installed, Source, State
    from ecsauth.status.observed import Unreadable

# These take precedence over the role of the instance, in the order of the SDK (botocore, credentials.py).
_GIVEN = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


class BucketPlace(NamedTuple):
    """The region of the bucket, and the account that must own it."""

    region: str
    owner: str


class DoctorRequest(NamedTuple):
    """The options of the command; `deadline` is in seconds, for all checks together.

    `launch` is the launch mode: `service`, `docker`, `none`, or `auto`. `region` may come from the environment.
    """

    uri: Optional[S3URI]
    file: Optional[str]
    state_dir: str
    bucket_owner: Optional[str]
    kms_keys: tuple[str, ...]
    region: Optional[str]
    profile: Optional[str]
    launch: str
    deadline: float


class ExaminedInstance(NamedTuple):
    """This instance before anything is probed.

    `uri` and `file` are the object and the env-file to examine. `unreadable` is why the recorded state cannot be read.
    `credentials` names those that take precedence over the role's, empty if none do. `supervisor` runs the agent's
    service, None if there is no such service. `seconds` is the time limit of a probe.
    """

    request: DoctorRequest
    uri: Optional[S3URI]
    file: str
    state: Optional[State]
    unreadable: Optional[Unreadable]
    credentials: str
    supervisor: Optional[Supervisor]
    seconds: float = 0.0

    @property
    def installed(self) -> Optional[Installed]:
        """The installed version in the state, None if there is none."""
        return self.state.installed if self.state is not None else None

    @property
    def recorded(self) -> Optional[Source]:
        """The terms in the state, None if the state is about another object."""
        source = self.installed.source if self.installed is not None else None
        return source if source is not None and source.uri == str(self.uri) else None

    @property
    def owner(self) -> Optional[str]:
        """The account that must own the bucket; None means the instance's own."""
        return self.request.bucket_owner or (self.recorded.bucket_owner if self.recorded is not None else None)

    @property
    def region(self) -> Optional[str]:
        """The bucket's region; None means the instance's own."""
        return self.request.region or (self.state.region if self.state is not None and self.recorded else None)

    @property
    def pins(self) -> Optional[Pins]:
        """The conditions on the object, None if no key is given or recorded."""
        keys = self.request.kms_keys or (self.recorded.kms_keys if self.recorded is not None else None)
        return Pins(keys, self.uri.version_id if self.uri is not None else None) if keys is not None else None

    @property
    def starts_none(self) -> str:
        """Why no agent is expected, by --launch or the state; empty if ecsauth starts one."""
        if self.request.launch == "none":
            return "not needed with --launch none"
        told = self.request.launch == "auto" and self.state is not None and self.state.leaves_agent
        return "not needed: boot runs with --launch none" if told else ""

    def gives_credentials(self) -> bool:
        """Tell whether the role's credentials are not used."""
        return bool(self.credentials)

    def gives_place(self) -> bool:
        """Tell whether the bucket's region and owner are known without the metadata service."""
        return self.region is not None and self.owner is not None

    def place(self, identity: Optional[Identity]) -> tuple[Optional[str], Optional[str]]:
        """Return the bucket's region and the account that must own it; a missing value comes from `identity`."""
        region = self.region or (identity.region if identity is not None else None)
        account = identity.account if identity is not None else None
        return region, self.owner if self.owner is not None else account

    def needs_no_engine(self) -> bool:
        """Tell whether docker need not be asked for the agent, because it runs as a service or not at all."""
        by_docker = self.request.launch == "docker" or (self.request.launch == "auto" and not self.supervisor)
        return bool(self.starts_none) or not by_docker


def given_credentials(profile: Optional[str], environment: Mapping[str, str]) -> str:
    """Name the credentials that take precedence over the role's; an empty string if there are none."""
    if profile:
        return f"the profile {profile} is"
    return next((f"{name} is" for name in _GIVEN if environment.get(name)), "")
