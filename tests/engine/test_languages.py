"""The component as a package: what it tells the CLI, and the program in YAML that README.md shows."""

import json
import re
import tomllib
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from components import Authentication
from components.arguments import config_key, with_config_keys
from components.arguments.table import ARGUMENTS

from .chatting import Chatting
from .world import PROJECT, Stack

PACKAGE = str(PROJECT / "package")
COMPONENT = "websocket-chat:index:WebSocketChat"
TYPES: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    Authentication: {"$ref": "#/types/websocket-chat:index:Authentication"},
    list[str]: {"type": "array", "items": {"type": "string"}},
    dict[str, str]: {"type": "object", "additionalProperties": {"type": "string"}},
}
[SAMPLE] = re.findall(r"^```yaml\n(.*?)^```$", (PROJECT / "README.md").read_text(), re.MULTILINE | re.DOTALL)

TABLE = yaml.safe_load("""
type: aws:dynamodb:Table
properties:
  billingMode: PAY_PER_REQUEST
  hashKey: messageId
  attributes:
    - {name: messageId, type: S}
    - {name: groupId, type: S}
    - {name: timestamp, type: S}
  globalSecondaryIndexes:
    - name: GroupIdIndex
      keySchemas:
        - {attributeName: groupId, keyType: HASH}
        - {attributeName: timestamp, keyType: RANGE}
      projectionType: ALL
  serverSideEncryption: {enabled: false}
  deletionProtectionEnabled: false
""")


def _without(key: str, value: Any) -> Any:
    """A part of a schema without a key, at every depth."""
    if not isinstance(value, dict):
        return value
    return {name: _without(key, part) for name, part in value.items() if name != key}


def test_the_schema_has_every_argument(stack: Stack) -> None:
    text = stack.pulumi("package", "get-schema", PACKAGE).text
    schema, _ = json.JSONDecoder().raw_decode(text[text.index("{") :])
    assert (schema["namespace"], schema["name"]) == ("pulumi", "websocket-chat")
    assert schema["version"] == tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]

    resource = schema["resources"][COMPONENT]
    inputs = resource["inputProperties"]
    assert inputs.keys() == set(map(config_key, ARGUMENTS))
    assert not resource.get("requiredInputs")
    for argument in ARGUMENTS.values():
        given = inputs[config_key(argument.name)]
        assert _without("plain", _without("description", given)) == TYPES[argument.rule.type]
        assert given.get("plain", False) == argument.plain
        description = " ".join(given["description"].split())
        assert with_config_keys(argument.text).replace("``", "`") in description
        assert argument.rule.type is bool or argument.rule.allowed in description
    described = [resource, *resource["properties"].values(), *schema["types"].values()]
    assert all(part["description"] for part in described)
    assert "    " not in "".join(part["description"] for part in described + list(inputs.values()))


def test_a_program_in_yaml(new_stack: Callable[..., Stack], tmp_path: Path) -> None:
    program = yaml.safe_load(SAMPLE)
    program["packages"]["websocket-chat"] = PACKAGE
    resources = program["resources"]
    chat = resources["chat"]["properties"]
    (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump(program))
    stack = new_stack(program=tmp_path)
    stack.emulator.client("dynamodb").delete_table(TableName="ChatMessages")  # The program makes it.

    def change(**properties: object) -> None:
        chat.update(properties)
        (stack.directory / "Pulumi.yaml").write_text(yaml.safe_dump(program))

    change(memorySize=99)
    refused = "property memorySize with value 99 has a problem: it must be an integer from 128 to 10240 (MB)"
    assert stack.refusal("up", "--yes").count(refused) == 1

    change(memorySize=256)
    resources["twin"] = deepcopy(resources["chat"])
    (stack.directory / "Pulumi.yaml").write_text(yaml.safe_dump(program))
    assert " would both be named '" in stack.refusal("preview")
    del resources["twin"]
    change()
    stack.up()
    with Chatting(stack.outputs()["url"]):
        pass
    change(memorySize=512)
    assert stack.up().counts == {"update": 6}

    resources |= {"messages": TABLE, "other": {"type": "aws:sqs:Queue", "properties": {"messageRetentionSeconds": 600}}}
    not_known_yet = {"messagesTable": "${messages.id}", "memorySize": "${messages.readCapacity}"}
    change(createMessagesTable=False, **not_known_yet, tags={"Table": "${messages.id}"})
    stack.provider.operations.clear()
    assert "tags = an Output is not allowed: it must be a plain value" in stack.refusal("preview")
    change(tags={})
    stack.preview()
    change(memorySize="${other.messageRetentionSeconds}")
    stack.up()
    with Chatting(stack.outputs()["url"], group_id="declared"):
        pass
    stack.destroy()
    assert stack.state() == {}
