"""A Pulumi provider that makes the component, for programs in every language.

Pulumi infers the component's schema from its source. The schema, and what is refused, name the arguments as other
languages do: ``memorySize`` for ``memory_size``.
"""

import inspect
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

from pulumi import InputPropertiesError, InputPropertyError, Inputs, Output, RunError
from pulumi.provider import server
from pulumi.provider.experimental.analyzer import ComponentDefinition
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.runtime.proto.provider_pb2 import ConstructRequest, ConstructResponse

from components import InvalidArgumentError, WebSocketChat
from components.arguments import config_key, with_config_keys

_PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


class Package(ComponentProvider):
    """Makes the component."""

    def __init__(self) -> None:
        version = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]["version"]
        # Without a namespace, the CLI names the SDK after the owner of the Git repository: a move would rename it.
        super().__init__([WebSocketChat], "websocket-chat", namespace="pulumi", version=version)
        self.schema = json.dumps(_for_other_languages(json.loads(self.schema or "")))

    def map_inputs(self, inputs: Inputs, component_def: ComponentDefinition) -> Inputs:
        """Name the inputs as in Python, and leave the checks to the component.

        Pulumi's own method fails if an integer is an Output (3.272.0), and ignores an input that it does not know.
        """
        return {component_def.inputs_mapping.get(key, key): value for key, value in inputs.items()}


class _Servicer(server.ProviderServicer):
    async def _construct(self, request: ConstructRequest, context: object) -> ConstructResponse:
        """Make the component. What it refuses becomes an error of Pulumi's own, which has no stack trace."""
        try:
            return await super()._construct(request, context)
        except (server.ComponentInitError, RunError) as error:
            refusal = error.inner if isinstance(error, server.ComponentInitError) else error
            # If the error names a property whose value is unknown, the CLI crashes (3.274.1).
            if isinstance(refusal, InvalidArgumentError) and refusal.value is not Output:
                raise InputPropertyError(config_key(refusal.key), with_config_keys(refusal.reason)) from error
            if isinstance(refusal, RunError):
                raise InputPropertiesError(with_config_keys(str(refusal)), []) from error
            raise


def serve() -> None:
    """Serve the package until Pulumi ends it."""
    server.ProviderServicer = _Servicer  # type: ignore[misc] # main() has no argument for it.
    server.main(Package(), sys.argv[1:])


def _for_other_languages(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """A schema whose descriptions are Markdown, with the arguments' names in other languages."""
    match schema:
        case {"description": str(text), **rest}:
            markdown = with_config_keys(inspect.cleandoc(text)).replace("``", "`")
            return {"description": markdown} | _for_other_languages(rest)
        case dict():
            return {key: _for_other_languages(value) for key, value in schema.items()}
        case list():
            return [_for_other_languages(value) for value in schema]
    return schema
