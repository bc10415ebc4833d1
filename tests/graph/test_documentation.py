"""The figures in the documents equal those in the code."""

import re
import tomllib

import pytest

from components.arguments import Settings
from handlers.protocol.frames import MAX_ID_BYTES

from .stack import PROJECT, WITH_TOKENS, Graph, chat

README, MIGRATION = (" ".join((PROJECT / name).read_text().split()) for name in ("README.md", "docs/migration.md"))
TIMES = {"two": 2, "three": 3, "four": 4, "five": 5}


def _figures(sentence: str, document: str = README) -> list[str]:
    """The matched groups of a sentence that occurs once in a document."""
    found = list(re.finditer(sentence, document))
    assert len(found) == 1, f"The document must contain this exactly once: {sentence}"
    return list(found[0].groups())


@pytest.fixture(scope="module")
def graph() -> Graph:
    return chat()


def test_limits_of_a_connection_and_a_user() -> None:
    rate = _figures(
        r"may send (\d+) frames at once and (\d+) per second .{0,60} a user may have (\d+) connections", MIGRATION
    )
    default = Settings()
    assert rate == [str(default.message_burst), str(default.message_rate), str(default.connections_per_user)]


def test_longest_id() -> None:
    assert _figures(r"`userId` or `groupId` is missing, empty, longer than (\d+) bytes") == [str(MAX_ID_BYTES)]


def test_how_long_the_queue_keeps_what_failed(graph: Graph) -> None:
    [days] = _figures(r"message text for (\d+) days")
    assert graph.resources["chat-failures"].inputs["messageRetentionSeconds"] == int(days) * 24 * 60 * 60


def test_how_often_background_work_is_tried(graph: Graph) -> None:
    slices, events = _figures(
        r"slices of large groups that failed (\w+) times, or presence events that failed (\w+) times"
    )
    retries = (
        graph.resources["chat-slice-retries"].inputs["maximumRetryAttempts"],
        graph.resources["chat-presence-stream"].inputs["maximumRetryAttempts"],
    )
    assert (TIMES[slices], TIMES[events]) == (retries[0] + 1, retries[1] + 1)


def test_how_many_functions_reserve_concurrency(graph: Graph) -> None:
    stated = _figures(
        r"A chat has (\d) functions, with `jwt` (\d), with `publish` one more, and without `presence` one less"
    )
    counted = [_functions(graph), _functions(chat(WITH_TOKENS)), _functions(chat({"presence": False}))]
    assert [*map(int, stated), int(stated[0]) - 1] == counted


def _functions(graph: Graph) -> int:
    return sum(resource.type == "aws:lambda/function:Function" for resource in graph.resources.values())


def test_oldest_python() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert set(re.findall(r"Python (\d+\.\d+) or newer", README)) == {project["requires-python"].removeprefix(">=")}
