"""The AWS CLI, as far as docs/migration.md uses it, over boto3."""

import sys
from pathlib import Path
from typing import Any

import boto3


def install(folder: Path) -> None:
    """Make ``aws`` a command of a folder."""
    command = folder / "aws"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).resolve()}" "$@"\n')
    command.chmod(0o755)


def main(service: str, operation: str, *options: str) -> None:
    given = dict(zip(options[::2], options[1::2], strict=True))
    if (service, operation) == ("cloudformation", "deploy"):
        _deploy(given["--stack-name"], Path(given["--template-file"]), given["--capabilities"])
        return
    query, output = given.pop("--query", ""), given.pop("--output", "json")
    if query and output != "text":
        raise NotImplementedError("a query with another output than text")
    client = _client(service)
    method = operation.replace("-", "_")
    members = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape.members
    names = {name.lower(): name for name in members}
    answer = getattr(client, method)(**{names[key.replace("-", "")]: value for key, value in given.items()})
    if query:
        sys.stdout.write(answer[query])


def _deploy(stack: str, template: Path, capabilities: str) -> None:
    stacks = _client("cloudformation")
    stacks.update_stack(StackName=stack, TemplateBody=template.read_text(), Capabilities=[capabilities])
    stacks.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})


def _client(service: str) -> Any:
    create: Any = boto3.client
    return create(service)


if __name__ == "__main__":
    main(*sys.argv[1:])
