"""The AWS provider of the Pulumi CLI, over the emulator: a gRPC server.

It answers as pulumi-aws does, as far as the program can tell the difference: names that are filled in, what replaces a
resource, what is unknown in a preview, what a refresh finds. schema.py has these facts for each type.
https://pulumi-developer-docs.readthedocs.io/latest/docs/architecture/providers/README.html
"""

import importlib.metadata
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
from botocore.exceptions import ClientError
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from local.emulator import HOST, REGION, Emulator

from .inputs import Inputs, Properties, UnsupportedError
from .properties import DEFAULTS, changes, refreshed, with_integers, with_name
from .resource import Resource, own_tags
from .resources import create, look_up, resource
from .schema import RESOURCE_TYPES, ResourceType, deletes_before_replace


@dataclass(frozen=True)
class Operation:
    """Something that the engine had the provider do.

    Attributes:
        verb: ``create``, ``update`` or ``delete``.
        type: The resource's type in Pulumi.
        name: Its name in the program.
        changed: The inputs that an update changes.
    """

    verb: str
    type: str
    name: str
    changed: frozenset[str] = frozenset()


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """The provider. As a context manager, it serves on a port of the loopback address.

    Attributes:
        operations: What was done, in order. A preview or a refresh does nothing.
        before: Called before each operation. What it raises fails the operation.
        port: Where it serves.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.operations: list[Operation] = []
        self.before: Callable[[Operation], None] = lambda _: None
        self.port = 0
        self._emulator = emulator
        self._server = grpc.server(ThreadPoolExecutor(16))

    def __enter__(self) -> Self:
        """Start to serve."""
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"{HOST}:0")
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._server.stop(grace=None).wait()

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi-aws"))

    def GetSchema(self, request: Any, context: Any) -> Any:
        """Name the types and their properties, for programs in YAML. A property may have any value."""
        anything = {"$ref": "pulumi.json#/Any"}
        types = {
            name: {
                "inputProperties": dict.fromkeys(sorted(type_.inputs), anything),
                "properties": dict.fromkeys(sorted(type_.inputs | type_.computed), anything),
            }
            for name, type_ in RESOURCE_TYPES.items()
        }
        schema = {"name": "aws", "meta": {"moduleFormat": "(.*)(?:/[^/]*)"}, "resources": types}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        """Take the config ``aws:region``. Each command of the CLI begins with this."""
        region = request.variables.get("aws:config:region", REGION)
        self._emulator = self._emulator.in_region(region)
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:
        """Refuse what the type does not have, and fill in the name."""
        declared = RESOURCE_TYPES.get(request.type)
        if declared is None:
            return _refused("", f"{request.type} cannot be created in the emulator. Add it to local/aws/")
        if unknown := sorted(set(request.news) - declared.inputs - {"tagsAll"}):
            return _refused(unknown[0], f"{request.type} has no such input")
        named = with_name(declared, request.name, _plain(request.news), _plain(request.olds))
        filled = {name: named[name] for name in (*named[DEFAULTS], DEFAULTS)}
        return provider_pb2.CheckResponse(inputs=_struct(request.news, filled))

    def Diff(self, request: Any, context: Any) -> Any:
        """Tell what changes, and whether it replaces the resource."""
        declared = RESOURCE_TYPES[request.type]
        old, new = _plain(request.old_inputs), _plain(request.news)
        changed = changes(declared, old, new) - set(request.ignoreChanges)
        replaces = _inputs(changed & declared.replaces)
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some,
            diffs=sorted(_inputs(changed)),
            replaces=sorted(replaces),
            deleteBeforeReplace=deletes_before_replace(request.type, new, replaces),
        )

    def Create(self, request: Any, context: Any) -> Any:
        """Create a resource. In a preview, what only AWS knows is unknown."""
        declared = RESOURCE_TYPES[request.type]
        if request.preview:
            # A path with a dot is a part of an input.
            unknown: Properties = _kept_within(request.properties, declared, rpc.UNKNOWN)
            left_out = {name for name in declared.computed | declared.keeps if "." not in name} - set(
                request.properties
            )
            unknown |= dict.fromkeys(left_out, rpc.UNKNOWN)
            return provider_pb2.CreateResponse(properties=_struct(request.properties, unknown))
        values = with_integers(rpc.deserialize_properties(request.properties))
        with self._operation(context, Operation("create", request.type, request.name)):
            resource_id, outputs = self.create(request.type, request.name, values)
        return provider_pb2.CreateResponse(id=resource_id, properties=_struct(request.properties, outputs))

    def create(self, resource_type: str, name: str, values: Properties) -> tuple[str, Properties]:
        """Create a resource in the emulator. Returns its id and properties."""
        return create(self._emulator, resource_type, name, values)

    def Read(self, request: Any, context: Any) -> Any:
        """Read a resource as it is now, for a refresh or an import."""
        found = self._read(resource(request.type, request.name), request.id, _plain(request.properties))
        if found is None:
            return provider_pb2.ReadResponse()
        resource_id = found.pop("id", request.id)
        inputs = refreshed(RESOURCE_TYPES[request.type], _plain(request.inputs), found)
        # Keep an archive, of which the state has the hash alone, as it came.
        kept = {name: value for name, value in request.inputs.items() if name in inputs and name not in found}
        return provider_pb2.ReadResponse(
            id=resource_id,
            properties=_struct(request.properties, found),
            inputs=_struct(kept, {name: value for name, value in inputs.items() if name not in kept}),
        )

    def Update(self, request: Any, context: Any) -> Any:
        """Change a resource in place."""
        declared = RESOURCE_TYPES[request.type]
        old, new = _plain(request.old_inputs), _plain(request.news)
        changed = _inputs(changes(declared, old, new)) - set(request.ignoreChanges)
        gone = {name for name in old.keys() - new.keys() if name not in declared.keeps}
        state = {name: value for name, value in request.olds.items() if name not in gone} | dict(request.news.items())
        if request.preview:
            unknown = {output: rpc.UNKNOWN for name in changed for output in declared.recomputed.get(name, ())}
            kept = _kept_within(request.news, declared, _plain(request.olds))
            return provider_pb2.UpdateResponse(properties=_struct(state, kept | unknown))
        given = with_integers(rpc.deserialize_properties(request.news))
        known = _plain(request.olds) | given
        inputs = Inputs(request.name, {name: given.get(name, declared.defaults.get(name)) for name in changed})
        type_ = resource(request.type, request.name)
        with self._operation(context, Operation("update", request.type, request.name, frozenset(changed))):
            type_.update(self._emulator, request.id, known, inputs)
            inputs.close()
            found = self._read(type_, request.id, known) or {}
        return provider_pb2.UpdateResponse(properties=_struct(state, found))

    def Delete(self, request: Any, context: Any) -> Any:
        """Delete a resource. One that is gone already is deleted."""
        type_, known = resource(request.type, request.name), _plain(request.properties)
        with self._operation(context, Operation("delete", request.type, request.name)):
            if type_.read(self._emulator, request.id, known) is not None:
                type_.delete(self._emulator, request.id, known)
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        """Call a function of the provider."""
        try:
            found = look_up(self._emulator, request.tok, _plain(request.args))
        except LookupError as error:
            return provider_pb2.InvokeResponse(failures=[provider_pb2.CheckFailure(property="name", reason=str(error))])
        return provider_pb2.InvokeResponse(**{"return": _struct({}, found)})

    def _read(self, type_: Resource, resource_id: str, known: Properties) -> Properties | None:
        """Read a resource, without the tags that are AWS's own."""
        found = type_.read(self._emulator, resource_id, known)
        return found | {"tags": own_tags(found["tags"])} if found and "tags" in found else found

    @contextmanager
    def _operation(self, context: Any, operation: Operation) -> Iterator[None]:
        """Note an operation when it is done. An error ends the call with its text."""
        try:
            self.before(operation)
            yield
        except (ClientError, UnsupportedError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, f"{operation.verb} {operation.name}: {error}")
        self.operations.append(operation)


def _inputs(paths: Iterable[str]) -> set[str]:
    """The inputs in which paths begin."""
    return {path.partition(".")[0] for path in paths}


def _kept_within(values: struct_pb2.Struct, declared: ResourceType, old: Properties | str) -> Properties:
    """The objects among the inputs that leave out what they keep: with it, as in a state, or all with one value."""
    given = _plain(values)
    found: Properties = {}
    for name, part in (path.split(".") for path in declared.keeps if path.count(".") == 1):
        inside = found.get(name, given.get(name))
        if not isinstance(inside, dict):
            continue
        kept = old if isinstance(old, str) else (old.get(name) or {}).get(part)
        if kept is not None:
            found[name] = {part: kept} | inside
    return found


def _plain(values: struct_pb2.Struct) -> Properties:
    properties: Properties = with_integers(json_format.MessageToDict(values))
    return properties


def _struct(values: Mapping[str, Any], more: Properties) -> struct_pb2.Struct:
    """Return properties for the wire: those that came from it, and others over them."""
    struct = struct_pb2.Struct()
    for name, value in values.items():
        if isinstance(value, struct_pb2.Struct):
            struct.fields[name].struct_value.CopyFrom(value)
        elif isinstance(value, struct_pb2.ListValue):
            struct.fields[name].list_value.CopyFrom(value)
        else:
            struct[name] = value
    struct.update(more)
    return struct


def _refused(name: str, reason: str) -> provider_pb2.CheckResponse:
    return provider_pb2.CheckResponse(failures=[provider_pb2.CheckFailure(property=name, reason=reason)])
