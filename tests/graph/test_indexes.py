"""The indexes of the tables that the component creates never change."""

from .indexes import CONNECTIONS_INDEXES, MESSAGES_INDEXES
from .stack import Properties, chat

WHY = (
    "A deployed index has another key or other attributes, or is gone. DynamoDB then deletes the index and builds it "
    "again, and for these minutes nobody gets a message or a history. Add an index of another name, and remove the old "
    'one a release later: see "Change an index" in CONTRIBUTING.md'
)


def _indexes(child: str) -> list[Properties]:
    found: list[Properties] = chat({"create_messages_table": True}).resources[child].inputs["globalSecondaryIndexes"]
    return found


def test_no_deployed_index_changes() -> None:
    assert [index for index in CONNECTIONS_INDEXES if index not in _indexes("chat-connections")] == [], WHY
    assert [index for index in MESSAGES_INDEXES if index not in _indexes("chat-messages")] == [], WHY


def test_every_deployed_index_is_listed() -> None:
    unlisted = [index for index in _indexes("chat-connections") if index not in CONNECTIONS_INDEXES]
    unlisted += [index for index in _indexes("chat-messages") if index not in MESSAGES_INDEXES]
    assert unlisted == [], "Add a new index to tests/graph/indexes.py"
