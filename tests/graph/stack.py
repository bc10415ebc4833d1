"""Run a program with Pulumi's mocks, and record what it registers."""

import asyncio
import contextvars
import hashlib
import json
import logging
import runpy
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pulumi
import yaml
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks, mocks, rpc, set_all_config, set_mocks
from pulumi.runtime.proto.source_pb2 import StackTrace
from pulumi.runtime.settings import SETTINGS, get_root_resource
from pulumi.runtime.stack import run_pulumi_func

from components import Authentication, WebSocketChat, WebSocketChatArgs

PROJECT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
"""Not the region of the stack files. A region hard-coded in the program would fail a test."""
ACCOUNT = "123456789012"

Properties = dict[str, Any]


def _texts(*names: str) -> list[Properties]:
    return [{"name": name, "type": "S"} for name in names]


CHAT_MESSAGES: Properties = {
    "tags": {"websocket-chat:stack": "websocket-chat/test"},
    "hashKey": "messageId",
    "rangeKey": "",
    "attributes": _texts("messageId", "groupId", "senderId", "timestamp"),
    "globalSecondaryIndexes": [
        {"name": "SenderIdIndex", "hashKey": "senderId", "rangeKey": "timestamp", "projectionType": "ALL"},
        {"name": "GroupIdIndex", "hashKey": "groupId", "rangeKey": "timestamp", "projectionType": "ALL"},
    ],
}
"""An existing messages table. Its tag says that the stack has made it, so it may also make it."""
GROUP_MEMBERS: Properties = {
    "hashKey": "memberId",
    "rangeKey": "",
    "attributes": _texts("memberId", "role", "userId", "groupId"),
    "globalSecondaryIndexes": [
        {"name": "RoleIndex", "hashKey": "role", "rangeKey": "", "projectionType": "KEYS_ONLY"},
        {"name": "UserIdIndex", "hashKey": "userId", "rangeKey": "", "projectionType": "ALL"},
        {"name": "GroupIdIndex", "hashKey": "groupId", "rangeKey": "", "projectionType": "ALL"},
    ],
}
"""An existing members table."""
WEB_SOCKET_CONNECTIONS: Properties = {
    "hashKey": "connectionId",
    "rangeKey": "",
    "attributes": _texts("connectionId", "groupId", "userId"),
    "globalSecondaryIndexes": [
        {"name": "UserIdIndex", "hashKey": "userId", "rangeKey": "", "projectionType": "ALL"},
        {"name": "GroupIdIndex", "hashKey": "groupId", "rangeKey": "", "projectionType": "ALL"},
    ],
    "streamEnabled": True,
    "streamViewType": "NEW_AND_OLD_IMAGES",
    "streamArn": "arn:of:their:stream",
    "ttl": {"enabled": True, "attributeName": "expiresAt"},
}
"""An existing table of connections."""
TABLES = {
    "ChatMessages": CHAT_MESSAGES,
    "GroupMembers": GROUP_MEMBERS,
    "TheirConnections": WEB_SOCKET_CONNECTIONS,
}
"""The existing tables, by name."""

BUSES = {"default", "chat", "My.Bus-1_b", "x" * 64, "b" * 64}
"""The existing buses of EventBridge."""

ZONE = "Z0123456789ABCDEFGHIJ"
ZONES: dict[str, Properties] = {
    ZONE: {"name": "example.com", "privateZone": False},
    "Z" + "A" * 31: {"name": "example.com", "privateZone": False},
    "ZPRIVATE": {"name": "example.com", "privateZone": True},
    "ZOTHER": {"name": "ample.com", "privateZone": False},
}
"""The existing hosted zones of Route 53."""

SURROUNDINGS: dict[str, Properties] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT},
    "aws:index/getRegion:getRegion": {"region": REGION},
}
"""Results of the functions that ask AWS where a program is deployed."""

AWS_MANAGED_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/aws-managed"
"""The account's key for DynamoDB, which AWS manages. Every other key is the customer's."""

USABLE_KEY: Properties = {
    "enabled": True,
    "keyState": "Enabled",
    "keyUsage": "ENCRYPT_DECRYPT",
    "keySpec": "SYMMETRIC_DEFAULT",
}

WITH_TOKENS: WebSocketChatArgs = {
    "authentication": Authentication.JWT,
    "jwt_issuer": "https://issuer.example",
    "jwt_audience": ["app"],
}
"""The smallest set of arguments for ``jwt``."""


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _region(own: str) -> str:
    return own.split(":")[3]


def aws_outputs(type_: str, name: str, inputs: Properties) -> Properties:
    """The outputs that the AWS provider adds to the inputs. An id is, for example, ``chat-api-id``."""
    own = inputs.get("name", f"{name}-1a2b3c4")  # As Pulumi names what has no name.
    table = arn("dynamodb", f"table/{own}")
    outputs: dict[str, Properties] = {
        # A disabled stream keeps its ARN.
        "aws:dynamodb/table:Table": {"arn": table, "streamArn": f"{table}/stream/1"},
        "aws:cloudwatch/logGroup:LogGroup": {"arn": arn("logs", f"log-group:{own}")},
        "aws:iam/policy:Policy": {"arn": f"arn:aws:iam::{ACCOUNT}:policy/{own}"},
        "aws:iam/role:Role": {"name": own, "arn": f"arn:aws:iam::{ACCOUNT}:role/{own}"},
        "aws:lambda/function:Function": {"arn": arn("lambda", f"function:{own}"), "invokeArn": f"invoke:{own}"},
        "aws:lambda/layerVersion:LayerVersion": {"arn": arn("lambda", f"layer:{inputs.get('layerName')}:1")},
        "aws:sqs/queue:Queue": {
            "name": own,
            "arn": arn("sqs", own),
            "url": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{own}",
        },
        "aws:apigatewayv2/domainName:DomainName": {
            "domainNameConfiguration": inputs.get("domainNameConfiguration", {})
            | {"targetDomainName": f"d-1a2b3c.execute-api.{REGION}.amazonaws.com", "hostedZoneId": "ZAPIGATEWAY"}
        },
        "aws:apigatewayv2/api:Api": {
            "executionArn": arn("execute-api", f"{name}-id"),
            "apiEndpoint": f"wss://{name}-id.execute-api.{REGION}.amazonaws.com",
        },
    }
    return outputs.get(type_, {})


@dataclass(frozen=True)
class Resource:
    """A registered resource."""

    type: str
    urn: str
    parent: str
    provider: str
    inputs: Properties
    waits_for: frozenset[str]
    """URNs."""
    protect: bool
    retained: bool
    """Whether a deletion only makes Pulumi forget it."""
    deleted_first: bool | None
    """Whether a replacement starts with the deletion. None: Pulumi decides."""
    replaced_by: frozenset[str]
    """Inputs whose change replaces it, although the provider could change them in place."""
    hooks_after_creation: int


@dataclass
class Graph:
    """What a program registered and called."""

    resources: dict[str, Resource] = field(default_factory=dict)
    """By logical name."""
    calls: list[tuple[str, Properties, str]] = field(default_factory=list)
    """Called functions, with their arguments and provider."""
    outputs: Properties = field(default_factory=dict)
    """Outputs of the stack."""
    warnings: list[str] = field(default_factory=list)
    """Shown to the user."""
    notes: list[str] = field(default_factory=list)
    """Shown to the user too, as information."""
    transforms: dict[str, list[pulumi.ResourceTransform]] = field(default_factory=dict)
    """Given to the engine with a resource, by logical name. The mocks do not run them; the engine does."""

    def of_type(self, type_: str) -> dict[str, Resource]:
        return {name: resource for name, resource in self.resources.items() if resource.type == type_}

    def waits_for(self, name: str) -> set[str]:
        """Names of all resources that must exist before this one is created."""
        names = {resource.urn: other for other, resource in self.resources.items()}
        found: set[str] = set()
        left = [name]
        while left:
            new = {names[urn] for urn in self.resources[left.pop()].waits_for} - found
            found |= new
            left += new
        return found


def _within_inputs(args: MockResourceArgs) -> Properties:
    """The inputs inside which AWS decides something, which is unknown in a preview."""
    if args.typ != "aws:apigatewayv2/domainName:DomainName":
        return {}
    unknown = dict.fromkeys(("targetDomainName", "hostedZoneId"), rpc.UNKNOWN)
    return {"domainNameConfiguration": args.inputs["domainNameConfiguration"] | unknown}


class _Cloud(Mocks):
    """The AWS provider."""

    def __init__(self, graph: Graph, tables: Mapping[str, Properties], outputs: Mapping[str, Properties]) -> None:
        self._graph = graph
        self._tables = tables
        self._outputs = outputs

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, Properties]:
        self._graph.transforms[args.name] = args.transforms
        if not args.custom:
            return None, args.inputs
        if pulumi.runtime.is_dry_run():  # In a preview, the values that AWS decides are unknown.
            return "", args.inputs | _within_inputs(args) | self._outputs.get(args.name, {})
        outputs = aws_outputs(args.typ, args.name, args.inputs) | self._outputs.get(args.name, {})
        return outputs.pop("id", f"{args.name}-id"), args.inputs | outputs

    def call(self, args: MockCallArgs) -> tuple[Properties, list[tuple[str, str]] | None]:
        self._graph.calls.append((args.token, args.args, args.provider))
        if args.token in SURROUNDINGS:
            return SURROUNDINGS[args.token], []
        if args.token == "aws:kms/getKey:getKey":
            key = args.args["keyId"]
            if _region(key) != REGION:  # As KMS says it.
                return {}, [("keyId", f"InvalidArnException: Invalid arn {_region(key)}")]
            manager = "AWS" if key == AWS_MANAGED_KEY else "CUSTOMER"
            return USABLE_KEY | {"arn": key, "keyManager": manager} | self._outputs.get(key, {}), []
        if args.token == "aws:route53/getZone:getZone":
            zone = ZONES.get(args.args["zoneId"])
            return (zone, []) if zone else ({}, [("zoneId", "couldn't find resource")])
        name = args.args["name"]
        is_bus = args.token == "aws:cloudwatch/getEventBus:getEventBus"
        if name not in (BUSES if is_bus else self._tables):
            return {}, [("name", "couldn't find resource")]
        found = {"arn": arn("events", f"event-bus/{name}")} if is_bus else self._tables[name]
        return {"arn": arn("dynamodb", f"table/{name}")} | found | {"name": name}, []


class _Engine(mocks.MockMonitor):
    """Pulumi's engine. Pulumi does not pass parents and dependencies to the mocks."""

    def __init__(self, graph: Graph, cloud: Mocks) -> None:
        super().__init__(cloud)
        self._graph = graph

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - Pulumi's name
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            assert request.name not in self._graph.resources, f"{request.name} is registered twice"
            self._graph.resources[request.name] = Resource(
                type=request.type,
                urn=response.urn,
                parent=request.parent,
                provider=request.provider,
                inputs=rpc.deserialize_properties(request.object),
                waits_for=frozenset(request.dependencies),
                protect=request.protect,
                retained=request.retainOnDelete,
                deleted_first=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
                replaced_by=frozenset(request.replaceOnChanges),
                hooks_after_creation=len(request.hooks.after_create),
            )
        return response


class _UserSees(logging.Handler):
    def __init__(self, graph: Graph) -> None:
        super().__init__(logging.INFO)
        self._graph = graph

    def emit(self, record: logging.LogRecord) -> None:
        seen = self._graph.warnings if record.levelno >= logging.WARNING else self._graph.notes
        seen.append(record.getMessage())


@contextmanager
def _engine_thread() -> Iterator[ThreadPoolExecutor]:
    """The thread that calls the engine. The mocks need an event loop there, which has to be closed."""
    loop = asyncio.new_event_loop()
    with closing(loop), ThreadPoolExecutor(1, initializer=lambda: asyncio.set_event_loop(loop)) as thread:
        yield thread


def _no_stack_traces() -> AbstractContextManager[object]:
    """Pulumi tells the engine where each resource was made. Through pytest's calls, that takes a sixth of the time."""
    return patch("pulumi.runtime.resource._get_stack_trace", StackTrace)


class _NoServer:
    """A gRPC server that does nothing. A mock of it takes a tenth of the time of a graph."""

    def __init__(self, **_: object) -> None:
        pass

    def add_generic_rpc_handlers(self, _: object) -> None:
        pass

    def add_registered_method_handlers(self, _service: str, _handlers: object) -> None:
        pass

    def add_insecure_port(self, address: str) -> int:  # noqa: ARG002 - Pulumi names it
        return 1

    async def start(self) -> None:
        pass

    async def stop(self, grace: float) -> None:
        pass


def _no_grpc_server() -> AbstractContextManager[object]:
    """Pulumi starts a server for the engine's calls, which the mocks do not make.

    A process that starts and stops many of them can crash: https://github.com/grpc/grpc/issues/43364
    """
    return patch("grpc.aio.server", _NoServer)


def run(
    program: Callable[[], object],
    *,
    config: Mapping[str, str] | None = None,
    tables: Mapping[str, Properties] = TABLES,
    outputs: Mapping[str, Properties] | None = None,
    preview: bool = False,
    graph: Graph | None = None,
    project: str = "websocket-chat",
) -> Graph:
    """Run a program.

    Args:
        program: Registers resources.
        config: Values by key, with the project's name.
        tables: The existing tables, by name.
        outputs: More outputs of a resource, by its logical name, and of a KMS key, by its ARN.
        preview: Whether this is a preview: nothing is created, and values that AWS decides are unknown.
        graph: Where to record. Pass it to inspect the graph of a program that fails.
        project: Name of the program's project.
    """
    graph = graph or Graph()

    def run_program() -> None:
        program()

    async def outcome() -> Properties:
        await run_pulumi_func(run_program)
        root: Any = get_root_resource()
        return {key: await pulumi.Output.from_input(value).future() for key, value in root.outputs.items()}

    def in_context() -> None:
        cloud = _Cloud(graph, tables, outputs or {})
        logger = logging.Logger("pulumi", logging.INFO)  # noqa: LOG001 - one logger per run, or its handlers would accumulate
        logger.addHandler(_UserSees(graph))
        with _no_stack_traces(), _no_grpc_server(), asyncio.Runner() as runner, _engine_thread() as thread:
            loop = runner.get_loop()
            loop.set_default_executor(thread)
            # After a failed program, nobody waits for its remaining resources.
            loop.set_exception_handler(lambda *_: None)
            asyncio.set_event_loop(loop)
            SETTINGS.outputs.clear()  # Resources of a failed run.
            set_mocks(cloud, project, "test", preview, logger, _Engine(graph, cloud))
            set_all_config(dict(config or {}))
            graph.outputs.update(loop.run_until_complete(outcome()))

    contextvars.Context().run(in_context)
    return graph


def described(graph: Graph) -> Properties:
    """The types and inputs of the resources, with the digest of every file. It says nothing of where the files are."""

    def content(asset: Any) -> Any:
        if isinstance(asset, pulumi.AssetArchive):
            return asset.assets
        if isinstance(asset, pulumi.FileArchive):
            folder = Path(asset.path)
            return {str(file.relative_to(folder)): pulumi.FileAsset(str(file)) for file in folder.rglob("*.py")}
        if isinstance(asset, pulumi.StringAsset):
            return asset.text
        return hashlib.sha256(Path(asset.path).read_bytes()).hexdigest()

    resources = {name: [one.type, one.inputs] for name, one in graph.resources.items()}
    found: Properties = json.loads(json.dumps(resources, default=content))
    return found


def chat(args: WebSocketChatArgs | None = None, name: str = "chat", **options: Any) -> Graph:
    """The graph of a chat. The options are those of :func:`run`. The tables named in its arguments exist."""
    given = args or {}
    named = {
        given.get("messages_table", ""): CHAT_MESSAGES,
        given.get("group_members_table", ""): GROUP_MEMBERS,
        given.get("connections_table", ""): WEB_SOCKET_CONNECTIONS,
    }
    return run(lambda: WebSocketChat(name, given), **({"tables": TABLES | named} | options))


_known: dict[str, Graph] = {}


def known_chat(args: WebSocketChatArgs | None = None) -> Graph:
    """As :func:`chat`, but from an earlier test of this process if there is one. For many tests of the same chat.

    Not for a test that changes the graph, or replaces a part of the program before.
    """
    key = repr(args)
    if key not in _known:
        _known[key] = chat(args)
    return _known[key]


def declared_config() -> dict[str, Properties]:
    declared: dict[str, Properties] = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
    return declared


def program(config: Mapping[str, object] | None = None, *, project: str = "websocket-chat", **options: Any) -> Graph:
    """The graph of ``__main__.py``. The config overrides the defaults, and ``None`` removes a key.

    As in a stack file, a key without a namespace belongs to the project.
    """
    values = {key: declared["default"] for key, declared in declared_config().items()} | dict(config or {})
    texts = {
        key if ":" in key else f"{project}:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
        if value is not None
    }
    return run(lambda: runpy.run_path(str(PROJECT / "__main__.py")), config=texts, project=project, **options)
