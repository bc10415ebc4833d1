"""What the component's arguments may be. The config's keys are the same ones, in Pulumi's spelling."""

from collections.abc import Mapping
from typing import Any, cast

import pulumi
import pytest

from components import InvalidArgumentError, WebSocketChat, WebSocketChatArgs

from .stack import Graph, chat, run

ALLOWED: Mapping[str, tuple[str, str, list[Any], list[Any]]] = {
    # argument: config key, what the error says is allowed, accepted, refused
    "stage_name": (
        "stageName",
        "1 to 128 letters, digits, '-' and '_'",
        ["a", "x" * 128, "Stage-1_b"],
        ["", "x" * 129, "$default", "a b", "a/b", "stage\n", "ä", 1, True],
    ),
    "name_prefix": (
        "namePrefix",
        "1 to 53 letters, digits, '-' and '_'",
        ["a", "x" * 53, "My-Chat_2"],
        ["", "x" * 54, "a.b", "a b", "a\n", 1, True],
    ),
    "messages_table": (
        "messagesTable",
        "3 to 255 letters, digits, '-', '_' and '.'",
        ["abc", "x" * 255, "My.Table-1_b"],
        ["", "ab", "x" * 256, "a/b", "a b", "abc\n", 1, True],
    ),
    "create_messages_table": ("createMessagesTable", "true or false", [True, False], [0, 1, "true"]),
    "memory_size": (
        "memorySize",
        "an integer from 128 to 10240 (MB)",
        [128, 10_240],
        [127, 10_241, 512.5, "512", True, [512]],
    ),
    "timeout": ("timeout", "an integer from 5 to 29 (seconds)", [5, 29], [4, 30, 3.5, "25", True]),
    "reserved_concurrency": (
        "reservedConcurrency",
        "an integer from -1 to",
        [-1, 0, 1_000_000],
        [-2, 1_000_001, "0", False],
    ),
    "log_retention_days": (
        "logRetentionDays",
        "one of 0, 1, 3, 5, 7, 14, 30,",
        [0, 1, 30, 1096, 3653],
        [-1, 2, 3654, "30", True, False],
    ),
    "throttling_rate": (
        "throttlingRate",
        "an integer from 1 to 10000 (requests per second)",
        [1, 10_000],
        [0, 10_001, "1", True],
    ),
    "throttling_burst": (
        "throttlingBurst",
        "an integer from 1 to 5000 (requests)",
        [1, 5_000],
        [0, 5_001, "1", True],
    ),
    "tags": (
        "tags",
        "up to 50, with keys of 1 to 128 and values of up to 256 characters, no key starting aws:",
        [{}, {"k": ""}, {"k" * 128: "v" * 256}, {str(n): "" for n in range(50)}, {"my:aws:": "x"}],
        [
            {"": "v"},
            {"k" * 129: ""},
            {"k": "v" * 257},
            {str(n): "" for n in range(51)},
            {"aws:k": "v"},
            {"AWS:k": "v"},
            {"k": 1},
            {1: "v"},
            ["k=v"],
            "k=v",
        ],
    ),
    "point_in_time_recovery": ("pointInTimeRecovery", "true or false", [True, False], [1, "false"]),
    "deletion_protection": ("deletionProtection", "true or false", [True, False], [1, "false"]),
    "connection_ttl": (
        "connectionTtl",
        "an integer from 7200 to 604800 (seconds)",
        [7_200, 604_800],
        [7_199, 604_801, "7200", True],
    ),
    "presence": ("presence", "true or false", [True, False], [1, "false"]),
    "event_member_limit": (
        "eventMemberLimit",
        "an integer from 1 to 1000 (members)",
        [1, 1_000],
        [0, 1_001, "1", True],
    ),
    "broadcast_threshold": (
        "broadcastThreshold",
        "an integer from 2 to 2000 (connections)",
        [2, 2_000],
        [1, 2_001, "2", True],
    ),
    "tracing": ("tracing", "true or false", [True, False], [1, "false"]),
}
PLAIN = {"stage_name", "name_prefix", "messages_table", "create_messages_table", "presence", "tags"}
"""Arguments that decide what is registered, and so are known before."""


def _args(key: str, value: object) -> WebSocketChatArgs:
    return cast("WebSocketChatArgs", {key: value})


def _short(value: object) -> str:
    return repr(value)[:30]


ACCEPTED = [(key, value) for key, (_, _, accepted, _) in ALLOWED.items() for value in accepted]
REFUSED = [(key, value) for key, (_, _, _, refused) in ALLOWED.items() for value in refused]


def test_these_are_all_arguments() -> None:
    assert ALLOWED.keys() == WebSocketChatArgs.__annotations__.keys()


@pytest.mark.parametrize(("key", "value"), ACCEPTED, ids=_short)
def test_accepts(key: str, value: object) -> None:
    assert chat(_args(key, value)).resources


@pytest.mark.parametrize(("key", "value"), REFUSED, ids=_short)
def test_refuses_before_anything_is_registered(key: str, value: object) -> None:
    graph = Graph()
    with pytest.raises(InvalidArgumentError) as refused:
        chat(_args(key, value), graph=graph)

    config_key, allowed, _, _ = ALLOWED[key]
    for part in (key, config_key, repr(value), allowed):
        assert part in str(refused.value)
    assert refused.value.key == key
    assert graph.resources == {}


def test_refuses_an_unknown_argument_and_names_the_known() -> None:
    graph = Graph()
    with pytest.raises(InvalidArgumentError, match="memory = 512 is not allowed") as refused:
        chat(_args("memory", 512), graph=graph)
    assert all(key in str(refused.value) for key in ALLOWED)
    assert graph.resources == {}


@pytest.mark.parametrize("key", sorted(ALLOWED.keys() - PLAIN))
def test_checks_an_output_when_it_is_known(key: str) -> None:
    config_key, allowed, (accepted, *_), (refused, *_) = ALLOWED[key]

    def with_output(value: object) -> Graph:
        return run(lambda: WebSocketChat("chat", _args(key, pulumi.Output.from_input(value))))

    assert with_output(accepted).resources.keys() == chat(_args(key, accepted)).resources.keys()
    with pytest.raises(InvalidArgumentError) as error:
        with_output(refused)
    for part in (key, config_key, repr(refused), allowed):
        assert part in str(error.value)


@pytest.mark.parametrize("key", sorted(PLAIN))
def test_refuses_an_output_where_the_value_must_be_known_before(key: str) -> None:
    graph = Graph()
    accepted = ALLOWED[key][2][0]
    with pytest.raises(InvalidArgumentError) as refused:
        run(lambda: WebSocketChat("chat", _args(key, pulumi.Output.from_input(accepted))), graph=graph)
    assert refused.value.key == key
    assert graph.resources == {}
