"""Does what the AWS CLI does with the few commands that the documents show: `aws SERVICE OPERATION --option value`.

The AWS CLI itself is not among what the tests install. Operations and options are those of the API's own model, so a
command that the API does not know fails here as it would there. `aws cloudformation deploy` is the CLI's own; here it
also gives the bucket what moto's CloudFormation drops.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import botocore.session
import jmespath  # type: ignore[import-untyped]  # it has no types of its own
from botocore import xform_name
from botocore.exceptions import ClientError

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))


def main(arguments: list[str]) -> None:
    """Run one command and print the answer as JSON, or as text with `--output text`."""
    if "--region" in arguments:
        place = arguments.index("--region")
        os.environ["AWS_DEFAULT_REGION"] = arguments[place + 1]
        del arguments[place : place + 2]
    service, operation, *rest = arguments
    if (service, operation) == ("cloudformation", "deploy"):
        _deploy(rest)
        return
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


def _deploy(words: list[str]) -> None:
    """Create the stack, or update it, whereupon parameters that are not named stay as they were."""
    import cloudformation

    options: dict[str, list[str]] = {}
    values: list[str] = []
    for word in words:
        if word.startswith("--"):
            values = options.setdefault(word, [])
        else:
            values.append(word)
    text = Path(options["--template-file"][0]).read_text()
    template = cloudformation.parse(text)
    given = dict(word.split("=", 1) for word in options.get("--parameter-overrides", []))
    client: Any = botocore.session.get_session().create_client("cloudformation")
    (name,) = options["--stack-name"]
    try:
        described = client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError:
        described = {}
    # Not the defaults: moto takes what is named for the first time for a change, and cannot change a key.
    for one in described.get("Parameters", ()):
        declared, value = template["Parameters"][one["ParameterKey"]], one["ParameterValue"]
        # The AMI is looked up anew.
        if value != declared.get("Default") and not declared["Type"].startswith("AWS::SSM::"):
            given.setdefault(one["ParameterKey"], value)
    parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]
    make = client.update_stack if described else client.create_stack
    make(StackName=name, TemplateBody=text, Parameters=parameters, Capabilities=options["--capabilities"])
    _complete(client.describe_stacks(StackName=name)["Stacks"][0], template)
    sys.stdout.write(
        "\nWaiting for changeset to be created..\nWaiting for stack create/update to complete\n"
        f"Successfully created/updated stack - {name}\n"
    )


def _complete(described: dict[str, Any], template: dict[str, Any]) -> None:
    from cloudformation import Stack
    from deployed_stack import names_of, put_dropped

    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    s3: Any = botocore.session.get_session().create_client("s3")
    put_dropped(s3, Stack(template=template, names=names_of(outputs)))


if __name__ == "__main__":
    main(sys.argv[1:])
