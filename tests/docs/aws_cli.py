"""Does what the AWS CLI does with the few commands that the documents show: `aws SERVICE OPERATION --option value`.

The AWS CLI itself is not among what the tests install. Operations and options are those of the API's own model, so a
command that the API does not know fails here as it would there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import botocore.session
import jmespath  # type: ignore[import-untyped]  # it has no types of its own
from botocore import xform_name


def main(arguments: list[str]) -> None:
    """Run one command and print the answer as JSON, or as text with `--output text`."""
    service, operation, *rest = arguments
    client = botocore.session.get_session().create_client({"s3api": "s3"}.get(service, service))
    method = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    names = {f"--{xform_name(name, '-')}": name for name in (shape.members if shape else {})}
    options, files = _parse(rest)
    shown = {name: options.pop(name, None) for name in ("--query", "--output")}
    answer: Any = getattr(client, method)(**{names[name]: value for name, value in options.items()})
    if files:
        Path(files[0]).write_bytes(answer.pop("Body").read())
    answer.pop("ResponseMetadata")
    if shown["--query"]:
        answer = jmespath.search(shown["--query"], answer)
    if shown["--output"] == "text":
        rows = answer if isinstance(answer, list) else [answer]
        lines = ("\t".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    else:
        sys.stdout.write(json.dumps(answer, indent=4, default=str) + "\n")


def _parse(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the options, each with its one value, and the words that belong to none."""
    options: dict[str, str] = {}
    files: list[str] = []
    left = iter(words)
    for word in left:
        if word.startswith("--"):
            options[word] = next(left)
        else:
            files.append(word)
    return options, files


if __name__ == "__main__":
    main(sys.argv[1:])
