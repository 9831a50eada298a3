"""Compare the agent's auth parser and lookup with ours: one case is one line of auth.jsonl.gz."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Optional

from ecsauth.registry import auth as registry_auth
from ecsauth.registry import match as registry_match

if TYPE_CHECKING:
    from ecsauth.registry.credential import Credential

_FIELDS = ("username", "password", "auth", "email", "serveraddress", "identitytoken", "registrytoken")


def disagreement(case: dict[str, Any]) -> Optional[str]:
    """Return None when everything that the case records agrees, else what does not (no values)."""
    auth = registry_auth.parse(case["type"], _data(case))
    if list(auth.warnings) != sorted(case["warnings"]):
        return f"warnings: {len(case['warnings'])} recorded, {len(auth.warnings)} computed"
    stored = sorted({entry.registry for entry in auth.entries})
    if stored != sorted(case["stored_keys"]):
        return f"stored keys: {len(case['stored_keys'])} recorded, {len(stored)} computed"
    random = False
    for recorded in case["answers"]:
        match = registry_match.match(auth, recorded["image"])
        expected = {_recorded(answer) for answer in recorded["answers"]}
        computed = {_computed(credential) for _, credential in match.candidates}
        if expected != computed:
            return (
                f"image {recorded['image']}: {len(expected)} answers recorded, {len(computed)} computed, not the same"
            )
        if match.deterministic != (len(computed) == 1):
            return f"image {recorded['image']}: deterministic is {match.deterministic}"
        random = random or not match.deterministic
    return None if random == case["nondeterministic"] else f"nondeterministic is {random}"


def _data(case: dict[str, Any]) -> Optional[str]:
    """Return the data as os.environ would give it."""
    if case.get("data_b64") is None:
        return case["data"] if case["data"] is None else str(case["data"])
    return base64.b64decode(case["data_b64"]).decode("utf-8", "surrogateescape")


def _recorded(answer: dict[str, str]) -> tuple[bytes, ...]:
    """Return the seven fields of a recorded answer as bytes."""
    return tuple(
        base64.b64decode(answer[f"{name}_b64"]) if f"{name}_b64" in answer else answer[name].encode()
        for name in _FIELDS
    )


def _computed(credential: Credential) -> tuple[bytes, ...]:
    """Return the seven fields of a credential as bytes."""
    texts = (field if isinstance(field, str) else field.reveal() for field in credential)
    return tuple(text.encode("utf-8", "surrogateescape") for text in texts)
