"""A table of open connections that exists already is used and never changed."""

import json
from typing import Any

import pulumi
import pytest

from components import WebSocketChat, WebSocketChatArgs
from components.existing_table import ExistingTableError

from .indexes import CONNECTIONS_INDEXES
from .stack import CHAT_MESSAGES, WEB_SOCKET_CONNECTIONS, Graph, Properties, arn, chat, run

THEIRS: WebSocketChatArgs = {"connections_table": "Theirs"}
NO_PRESENCE: WebSocketChatArgs = {"presence": False}
NO_LIMIT: WebSocketChatArgs = {"connections_per_user": 0}


def _table(**changes: Any) -> Properties:
    return WEB_SOCKET_CONNECTIONS | changes


def _index(which: str, **changes: Any) -> Properties:
    """The table with a changed index."""
    indexes = WEB_SOCKET_CONNECTIONS["globalSecondaryIndexes"]
    return _table(globalSecondaryIndexes=[one | changes if one["name"] == which else one for one in indexes])


def _projecting(name: str, *, without: str = "") -> Properties:
    """The table with an index that projects what the component's own index does."""
    (own,) = [index for index in CONNECTIONS_INDEXES if index["name"] == name]
    attributes = [attribute for attribute in own["nonKeyAttributes"] if attribute != without]
    return _index(name, projectionType="INCLUDE", nonKeyAttributes=[*attributes, "theirs"])


def _deploy(found: Properties | None, *args: WebSocketChatArgs, **options: Any) -> Graph:
    given: Any = {**THEIRS, **{key: value for one in args for key, value in one.items()}}
    tables = {"ChatMessages": CHAT_MESSAGES} | ({} if found is None else {"Theirs": found})
    return chat(given, tables=tables, **options)


def _statements(graph: Graph) -> dict[str, Any]:
    policies = graph.of_type("aws:iam/rolePolicy:RolePolicy").values()
    statements = [one for policy in policies for one in json.loads(policy.inputs["policy"])["Statement"]]
    return {statement["Sid"]: statement["Resource"] for statement in statements}


def test_the_table_is_used_and_not_managed() -> None:
    graph = _deploy(_table())
    assert graph.of_type("aws:dynamodb/table:Table") == {}
    variables = graph.resources["chat-connect-function"].inputs["environment"]["variables"]
    assert (variables["CONNECTIONS_TABLE"], variables["CONNECTIONS_TABLE_ADOPTED"]) == ("Theirs", "true")
    found, theirs = _statements(graph), arn("dynamodb", "table/Theirs")
    assert found["KeepConnections"] == theirs
    assert found["ListConnections"] == f"{theirs}/index/*"


def test_presence_reads_the_stream_of_the_table() -> None:
    graph = _deploy(_table())
    assert graph.resources["chat-presence-stream"].inputs["eventSourceArn"] == "arn:of:their:stream"
    assert _statements(graph)["ReadStream"] == "arn:of:their:stream"


def test_the_outputs_name_the_table() -> None:
    def program() -> None:
        component = WebSocketChat("chat", THEIRS)
        assert component.connections_table is None
        pulumi.export("name", component.connections_table_name)

    tables = {"ChatMessages": CHAT_MESSAGES, "Theirs": _table()}
    assert run(program, tables=tables).outputs == {"name": "Theirs"}


@pytest.mark.parametrize(
    ("found", "args"),
    [
        pytest.param(_projecting("GroupIdIndex"), {}, id="the groups' index with enough attributes"),
        pytest.param(_projecting("UserIdIndex"), {}, id="the users' index with enough attributes"),
        pytest.param(_table(streamEnabled=False), NO_PRESENCE, id="no stream and no presence"),
        pytest.param(_index("UserIdIndex", name="Other"), NO_LIMIT, id="no users' index and no limit"),
        pytest.param(_table(attributes=[{"name": "expiresAt", "type": "N"}]), {}, id="index of theirs by the end"),
    ],
)
def test_a_table_with_what_is_needed_is_used(found: Properties, args: WebSocketChatArgs) -> None:
    assert "chat-stage" in _deploy(found, args).resources


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(None, "there is no such table in this account and region", id="missing"),
        pytest.param(_table(hashKey="id"), "its key is id", id="another key"),
        pytest.param(_table(rangeKey="userId"), "its key is connectionId and userId", id="more key"),
        pytest.param(_table(globalSecondaryIndexes=[]), "it has no index GroupIdIndex on groupId", id="no index"),
        pytest.param(_index("GroupIdIndex", hashKey="userId"), "no index GroupIdIndex on groupId", id="on another key"),
        # A row without the sort key would not be in the index.
        pytest.param(_index("GroupIdIndex", rangeKey="theirs"), "no index GroupIdIndex on groupId", id="sort key"),
        pytest.param(_index("GroupIdIndex", projectionType="KEYS_ONLY"), "attributes userId, member", id="keys only"),
        pytest.param(_projecting("GroupIdIndex", without="apiId"), "no index GroupIdIndex", id="an attribute less"),
        pytest.param(_projecting("UserIdIndex", without="apiId"), "no index UserIdIndex on userId", id="user's index"),
        pytest.param(_index("UserIdIndex", name="Other"), "no index UserIdIndex on userId", id="no index of users"),
        pytest.param(_table(streamEnabled=False), "it has no stream with new and old images", id="disabled stream"),
        pytest.param(_table(streamViewType="NEW_IMAGE"), "no stream with new and old images", id="new images only"),
        pytest.param(
            _table(attributes=[{"name": "groupId", "type": "N"}]),
            "its attribute groupId has the type N",
            id="groups that are numbers",
        ),
        pytest.param(
            _table(attributes=[{"name": "expiresAt", "type": "S"}]),
            "its attribute expiresAt has the type S in a key, and needs N",
            id="an index of theirs on a text that is written as a number",
        ),
    ],
)
def test_an_unusable_table_fails_the_preview_with_advice(found: Properties | None, reason: str) -> None:
    graph = Graph()
    with pytest.raises(ExistingTableError) as refused:
        _deploy(found, preview=True, graph=graph)
    what_to_do = ["with connections_table", "connectionsTable", "leave that out", "presence is false", "is 0"]
    for part in ("The connections table 'Theirs' cannot be used", reason, "key connectionId", *what_to_do):
        assert part in str(refused.value)
    assert graph.resources.keys() <= {"chat"}


@pytest.mark.parametrize(
    "time_to_live",
    [{"enabled": False, "attributeName": ""}, {"enabled": True, "attributeName": "ttl"}],
    ids=["none", "another attribute"],
)
def test_a_table_without_time_to_live_is_used_with_a_warning(time_to_live: Properties) -> None:
    (before, warning) = sorted(_deploy(_table(ttl=time_to_live)).warnings)[::-1]
    assert before.startswith("authentication is none")
    for part in ("'Theirs' has no time to live on expiresAt", "update-time-to-live --table-name Theirs"):
        assert part in warning


def test_a_table_with_time_to_live_gives_no_warning() -> None:
    assert len(_deploy(_table()).warnings) == 1
