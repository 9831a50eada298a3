"""What the commands print as JSON is what docs/schemas say, and docs/json.md says what these say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from desk import BUCKET, KEY
from json_schemas import COMMON, errors, schemas
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from desk import Desk

_ROOT = Path(__file__).parents[2]
URI = f"s3://{BUCKET}/k"
_PUSH = f"push ecs.config {URI} 2>&- && ecsauth"
_BOOT = f"{_PUSH} boot {URI} --kms-key {KEY}"
_OLDEST = f"$(ecsauth history {URI} | tail -n 1 | cut -d ' ' -f 1)"
# What is run for each document; its last command prints it.
_RUNS = [
    ("check", "check ecs.config"),
    ("check", "check hub.config"),
    ("check-files", "check ecs.config hub.config absent.config"),
    ("explain", "explain A370"),
    ("explain-list", "explain"),
    ("which", "which nginx registry.example.com/a --file ecs.config"),
    ("import", "import config.json -o docker.config"),
    ("verify", "verify ecs.config --image nginx"),
    ("push", f"push ecs.config {URI}"),
    ("push", f"push ecs.config {URI} --dry-run"),
    ("push", f"{_PUSH} edit {URI}"),
    ("push", f"{_PUSH} edit {URI} 2>&- && ecsauth rollback {URI} {_OLDEST}"),
    ("pull", f"{_PUSH} pull {URI}"),
    ("pull", f"{_PUSH} pull {URI} -o pulled.config"),
    ("diff", "diff ecs.config hub.config"),
    ("history", f"{_PUSH} history {URI} --diff"),
    ("env", "env"),
    ("export", "export secretsmanager ecs.config --registry docker.io"),
    ("export", "export secretsmanager ecs.config --registry docker.io --dry-run"),
    ("archive-build", "archive build --no-compile"),
    ("archive-publish", f"archive publish {URI} --no-compile"),
    ("archive-publish", f"archive publish {URI} --no-compile --dry-run"),
    ("boot", f"{_BOOT}"),
    ("boot", f"{_BOOT} --dry-run"),
    ("status", "status --remote"),
    ("status", f"{_BOOT} 2>&- && ecsauth status --remote"),
    ("doctor", f"doctor {URI}"),
    ("failure", f"push hub.config {URI}"),
    ("failure", f"boot {URI} --kms-key {KEY}"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "command"), _RUNS)
def test_commands_print_what_their_schema_says(name: str, command: str, desk: Desk) -> None:
    """A command prints one document, and its schema fits it."""
    _, output = desk.type(f"ecsauth {command} --format json 2>/dev/null")
    assert errors(name, json.loads("\n".join(output))) == []


@pytest.mark.parametrize("name", schemas())
def test_schemas_are_sound(name: str) -> None:
    """A schema is one of the draft that it names, under the name of its file."""
    Draft202012Validator.check_schema(schemas()[name])
    assert schemas()[name]["$id"] == f"{name}.json"


@pytest.mark.parametrize("name", schemas())
def test_schemas_know_every_field(name: str) -> None:
    """Each object of a document lists its fields, and says what each means."""
    for part in _objects(schemas()[name]):
        assert part["additionalProperties"] is False
        assert all(field["description"] for field in part["properties"].values())


def test_an_unknown_field_is_noticed() -> None:
    """The schemas are strict: a field that they do not name is an error, also within a shared part."""
    document = {"schema": 1, "old": "a", "new": "b", "same": False, "changes": []}
    change = {"variable": "ECS_CLUSTER", "what": "added", "registry": None}
    assert errors("diff", {**document, "changes": [change]}) == []
    assert errors("diff", {**document, "more": 1})
    assert errors("diff", {**document, "changes": [{**change, "value": "prod"}]})


def test_the_page_is_written_from_the_schemas() -> None:
    """Run scripts/write-json when this fails."""
    command = [sys.executable, str(_ROOT / "scripts" / "write-json"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_document_is_validated() -> None:
    """Each schema of a document has a run above; what needs an account or an instance, its own tests validate."""
    elsewhere = {COMMON, "init", "report", "unpersist", *(name for name in schemas() if name.startswith("fleet-"))}
    assert {name for name, _ in _RUNS} == {*schemas()} - elsewhere


def test_the_page_has_every_schema() -> None:
    """Each schema has its section with a link to the file."""
    page = (_ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\(schemas/([\w-]+)\.json\)", page)) == set(schemas())


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield each part of a schema that lists fields."""
    if isinstance(schema, dict):
        if "properties" in schema and not isinstance(schema["properties"].get("type"), str):
            yield schema
        for part in schema.values():
            yield from _objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _objects(part)
