"""The SDK's data, less what `boot`, `status` and `doctor` never look at; made of the very botocore that is packed."""

from __future__ import annotations

import copy
import gzip
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator

# What is called, by service: S3 by the program itself; STS by `doctor`, and by the SDK where a profile or a token file
# names a role.
OPERATIONS = {
    "s3": ("GetObject", "HeadBucket", "HeadObject", "ListObjectsV2"),
    "sts": ("AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity"),
}
DATA = "botocore/data/"
# Names the one version of each service's data, where the SDK would list folders.
VERSIONS = f"{DATA}versions.json"
_SILENT = frozenset(("documentation", "documentationUrl", "examples"))


def data(wheel: zipfile.ZipFile) -> dict[str, bytes]:
    """Return the SDK's data by path, always `.json`."""
    names = wheel.namelist()
    versions = {service: _latest(service, names) for service in OPERATIONS}
    found: dict[str, Any] = {VERSIONS: versions}
    for service, version in versions.items():
        place = f"{DATA}{service}/{version}/"
        found[f"{place}service-2.json"] = _model(_complete(wheel, f"{place}service-2"), OPERATIONS[service])
        found[f"{place}endpoint-rule-set-1.json"] = _quiet(_load(wheel, f"{place}endpoint-rule-set-1"))
    found[f"{DATA}endpoints.json"] = _endpoints(_load(wheel, f"{DATA}endpoints"))
    for name in ("_retry", "partitions", "sdk-default-configuration"):
        found[f"{DATA}{name}.json"] = _quiet(_load(wheel, f"{DATA}{name}"))
    return {name: json.dumps(content, separators=(",", ":")).encode() for name, content in found.items()}


def _latest(service: str, names: list[str]) -> str:
    """Return the version of a service's data that the SDK takes."""
    start = f"{DATA}{service}/"
    return max(name[len(start) :].partition("/")[0] for name in names if name.startswith(start))


def _load(wheel: zipfile.ZipFile, name: str) -> Any:
    """Return a document, which some releases have compressed."""
    names = wheel.namelist()
    if f"{name}.json.gz" in names:
        return json.loads(gzip.decompress(wheel.read(f"{name}.json.gz")))
    return json.loads(wheel.read(f"{name}.json")) if f"{name}.json" in names else {}


def _complete(wheel: zipfile.ZipFile, name: str) -> Any:
    """Return a model with what the SDK merges into it when it is loaded."""
    return _merged(_load(wheel, name), _load(wheel, f"{name}.sdk-extras").get("merge", {}))


def _merged(base: Any, more: Any) -> Any:
    """botocore.utils.deep_merge."""
    for key, value in more.items():
        base[key] = _merged(base[key], value) if isinstance(value, dict) and key in base else copy.deepcopy(value)
    return base


def _quiet(document: Any) -> Any:
    """Return a document without its documentation."""
    if isinstance(document, dict):
        return {key: _quiet(value) for key, value in document.items() if not _is_text(key, value)}
    return [_quiet(one) for one in document] if isinstance(document, list) else document


def _is_text(key: str, value: Any) -> bool:
    """A member of a structure may be called so too, and is no text then."""
    return key in _SILENT and not (isinstance(value, dict) and "shape" in value)


def _model(model: Any, operations: tuple[str, ...]) -> Any:
    """Return a service's model with these operations only, and the shapes that they lead to."""
    kept = {name: model["operations"][name] for name in sorted(operations)}
    wanted = {shape for operation in kept.values() for shape in _shapes_in(operation)}
    reached: set[str] = set()
    while wanted:
        name = wanted.pop()
        reached.add(name)
        wanted |= set(_shapes_in(model["shapes"][name])) - reached
    shapes = {name: shape for name, shape in model["shapes"].items() if name in reached}
    quiet = _quiet({**model, "operations": kept, "shapes": shapes})
    for parameter in quiet.get("clientContextParams", {}).values():
        # botocore.model reads it, where an endpoint is made of the rules.
        parameter["documentation"] = ""
    return quiet


def _shapes_in(document: Any) -> Iterator[str]:
    """Yield the names of all shapes that a part of a model refers to."""
    if isinstance(document, dict):
        if isinstance(document.get("shape"), str):
            yield document["shape"]
        for value in document.values():
            yield from _shapes_in(value)
    elif isinstance(document, list):
        for one in document:
            yield from _shapes_in(one)


def _endpoints(document: Any) -> Any:
    """Return the partitions with their regions, and of their services the few that are called."""
    partitions = [
        {**one, "services": {name: one["services"][name] for name in OPERATIONS if name in one["services"]}}
        for one in document["partitions"]
    ]
    return {**document, "partitions": partitions}
