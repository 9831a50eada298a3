"""Complete hints to whole commands, with the options of this run, or of the recorded state, that the command takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional

from ecsauth.boot import docker_plan
from ecsauth.cli import options
from ecsauth.command_hint import FILE, KEY, S3URI, CommandHint

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from ecsauth.boot.state import State

_ON_INSTANCE = frozenset({"boot", "doctor", "status"})


class Known(NamedTuple):
    """The known values of the object and the paths on this machine; an empty value is unknown or the default.

    `of_boot` are the other options of this boot. `is_persisted`: `boot --persist` has kept all of them here.
    `on_instance`: this is an instance, so its profile does not exist on the operator's machine.
    """

    uri: str = ""
    kms_keys: tuple[str, ...] = ()
    bucket_owner: str = ""
    region: str = ""
    profile: str = ""
    launch: str = ""
    env_file: str = ""
    state_dir: str = ""
    settings: tuple[str, ...] = ()
    of_boot: tuple[tuple[str, ...], ...] = ()
    is_persisted: bool = False
    file: str = ""
    on_instance: bool = False


def known(arguments: argparse.Namespace, state: Optional[State] = None, persisted: Optional[str] = None) -> Known:
    """Return the values of the arguments; missing ones come from the state, if it is about the same object.

    `persisted` is the S3 URI that `boot --persist` has kept, if any.
    """
    given = vars(arguments)
    on_instance = given.get("command") in _ON_INSTANCE
    uri, keys, launch = given.get("uri"), given.get("kms_key") or (), given.get("launch") or "auto"
    found = Known(
        uri=str(uri) if uri is not None else "",
        kms_keys=tuple(dict.fromkeys((keys,) if isinstance(keys, str) else keys)),
        bucket_owner=given.get("bucket_owner") or "",
        region=(options.region(arguments) or "") if "region" in given else "",
        profile=given.get("profile") or "",
        launch="" if launch == "auto" else launch,
        env_file=_unless(options.ENV_FILE, given.get("file")) if on_instance else "",
        state_dir=_unless(options.STATE_DIRECTORY, given.get("state_dir")),
        settings=tuple(given.get("set") or ()),
        of_boot=tuple(_of_boot(given)) if given.get("command") == "boot" else (),
        file="" if on_instance else str(given.get("file") or ""),
        on_instance=on_instance,
    )
    found = found if state is None else _with_record(found, state)
    return found._replace(is_persisted=bool(given.get("as_persisted")) or (bool(persisted) and found.uri == persisted))


def _of_boot(given: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the options, each with its value, that another run of this boot needs as well."""
    if given["image"] != docker_plan.IMAGE:
        yield ("--image", given["image"])
    if given["check_login"]:
        yield ("--check-login", given["check_login"])
    for name in ("awsvpc", "no_host_rules", "abandon_tasks", "rollback_on_timeout", "persist"):
        if given[name]:
            yield (f"--{name.replace('_', '-')}",)


def _unless(default: str, value: Optional[str]) -> str:
    return value if value and value != default else ""


def _with_record(found: Known, state: State) -> Known:
    """Return the values completed from the state, unless the arguments name another object."""
    source = state.installed.source if state.installed is not None else None
    if source is None or found.uri not in ("", source.uri):
        return found
    return found._replace(
        uri=source.uri,
        kms_keys=found.kms_keys or source.kms_keys,
        bucket_owner=found.bucket_owner or source.bucket_owner,
        region=found.region or state.region or "",
        launch=found.launch or ("none" if state.leaves_agent else ""),
        env_file=found.env_file or _unless(options.ENV_FILE, source.env_file),
        settings=source.settings,
    )


def _keys(it: Known) -> tuple[str, ...]:
    return it.kms_keys


def _keys_of_boot(it: Known) -> tuple[str, ...]:
    """Return the keys for `boot`, or a placeholder, because it needs at least one."""
    return it.kms_keys or ("ARN",)


def _one_key(it: Known) -> tuple[str, ...]:
    """Return the key for a put, if exactly one is known."""
    return it.kms_keys if len(it.kms_keys) == 1 else ()


def _one(name: str) -> Callable[[Known], tuple[str, ...]]:
    def value(it: Known) -> tuple[str, ...]:
        found: str = getattr(it, name)
        return (found,) if found else ()

    return value


def _own_profile(it: Known) -> tuple[str, ...]:
    return (it.profile,) if it.profile and not it.on_instance else ()


_Option = tuple[str, Callable[[Known], tuple[str, ...]]]
_OWNER, _REGION = ("--bucket-owner", _one("bucket_owner")), ("--region", _one("region"))
_PROFILE, _ELSEWHERE = ("--profile", _one("profile")), ("--profile", _own_profile)
_PLACES = (("--file", _one("env_file")), ("--state-dir", _one("state_dir")))
_IN_S3 = (_OWNER, _REGION, _ELSEWHERE)
_ON_MACHINE = (("--kms-key", _keys), _OWNER, _REGION, _PROFILE, ("--launch", _one("launch")), *_PLACES)
# The options that are filled in for each command; for the AWS CLI by service.
TAKES: dict[str, tuple[_Option, ...]] = {
    "boot": (("--kms-key", _keys_of_boot), *_ON_MACHINE[1:], ("--set", lambda it: it.settings)),
    "doctor": _ON_MACHINE,
    "status": (_REGION, _PROFILE, *_PLACES),
    "push": (("--kms-key", _one_key), *_IN_S3),
    "history": _IN_S3,
    "rollback": _IN_S3,
    "check": (_REGION, _ELSEWHERE),
}
_OF_AWS: dict[str, tuple[_Option, ...]] = {
    "sts": (_PROFILE,),
    "sso": (_PROFILE,),
    "configure": (),
}


def completed(hint: str, it: Known) -> str:
    """Return the hint; if it is a command, with the known values in it."""
    if not isinstance(hint, CommandHint):
        return hint
    program, command, *_ = hint.words
    if it.is_persisted and (program, command) == ("ecsauth", "boot") and "--candidate" in hint.words:
        # The units run on these terms, and the candidate, too, is to run on them.
        place = ("--state-dir", it.state_dir) if it.state_dir and "--state-dir" not in hint.words else ()
        return hint.filled({S3URI: "--as-persisted"}).extended(*place)
    uri = it.uri if command in _ON_INSTANCE else it.uri.partition("?")[0]
    one_key = _one_key(it)
    filled = {S3URI: uri, KEY: one_key[0] if one_key else "", FILE: it.file}
    hint = hint.filled({word: value for word, value in filled.items() if value})
    if command == "doctor" and S3URI in hint.words:
        # Without an object it examines the recorded one, if there is one.
        hint = CommandHint(hint.why, *(word for word in hint.words if word != S3URI))
    if program == "aws":
        takes = _OF_AWS.get(command, (_REGION, _ELSEWHERE))
        it = it._replace(region=_region_of(hint.words) or it.region)
    else:
        # Without an object `doctor` examines the recorded one, with its owner and its keys.
        name = "status" if hint.words == ("ecsauth", "doctor") else command
        takes = TAKES.get(name, ()) if program == "ecsauth" else ()
    more = [word for name, values in takes if name not in hint.words for value in values(it) for word in (name, value)]
    if program == "ecsauth" and command == "boot":
        more += [word for option in it.of_boot if option[0] not in hint.words for word in option]
    return hint.extended(*more)


def all_completed(hints: Sequence[str], it: Known) -> tuple[str, ...]:
    """Return the hints, each completed."""
    return tuple(completed(hint, it) for hint in hints)


def _region_of(words: Sequence[str]) -> str:
    """Return the region in the ARN of a command, which is the region for that command."""
    arns = (word.split(":") for word in words if word.startswith("arn:"))
    return next((parts[3] for parts in arns if len(parts) > 3), "")  # noqa: PLR2004 - arn:partition:service:region
