"""Edits, deletions and reactions in the deployed program, over real sockets."""

import json
import random
from typing import Any
from uuid import uuid4

import pytest

from local.deploy import deploy
from local.identity_provider import IdentityProvider
from local.prerequisites import create_members_table
from tests.clients import ChatClient, Frame
from tests.rows import put_row

from .conftest import Chat


@pytest.fixture
def group() -> str:
    return f"group-{uuid4()}"


def sent(client: ChatClient, text: str, **fields: object) -> str:
    """Send a message. Returns its id."""
    client.say(text, clientMessageId=str(uuid4()), **fields)
    return str(client.receive("ack")["messageId"])


def catch_up(client: ChatClient, cursor: str) -> tuple[dict[str, Frame], str]:
    """Read after a cursor to the end. Returns the changed messages by their ids, and the next cursor."""
    changed: dict[str, Frame] = {}
    page: Frame = {"after": cursor, "more": True}
    while page["more"]:
        page = client.ask("getHistory", after=page["after"], limit=3)
        changed |= {message["messageId"]: message for message in page["changes"]}
    return changed, str(page["after"])


def test_everybody_of_protocol_2_sees_a_change_at_once(chat: Chat, group: str) -> None:
    with (
        chat.join("alice", group, protocol=2) as alice,
        chat.join("bob", group, protocol=2) as bob,
        chat.join("carol", group) as carol,
    ):
        message_id = sent(alice, "Helo", type="text")
        alice.send("editMessage", messageId=message_id, message="Hello")
        assert bob.receive("messageChanged")["message"]["message"] == "Hello"
        bob.send("react", messageId=message_id, reaction="👍", on=True)
        assert [alice.receive("messageChanged")["message"].get("reactions") for _ in range(2)] == [
            None,
            {"👍": ["bob"]},
        ]
        assert bob.ask("deleteMessage", messageId=message_id)["code"] == "FORBIDDEN"
        alice.send("deleteMessage", messageId=message_id)
        while "deletedAt" not in (deleted := bob.receive("messageChanged")["message"]):
            pass
        assert (deleted["message"], deleted["deletedAt"]) == ("", deleted["changedAt"])
        # An old client hears of the message alone, and does not get it in its history any more.
        assert carol.receive("message")["message"] == "Helo"
        carol.receive_nothing()
        assert carol.ask("getHistory")["messages"] == []


def test_the_row_shows_other_programs_what_was_changed(chat: Chat, group: str) -> None:
    with chat.join("alice", group, protocol=2) as alice:
        message_id = sent(alice, "Hello", data={"url": "https://example.com"})
        alice.ask("deleteMessage", messageId=message_id)
    [row] = [row for row in chat.rows("MessagesTable") if row["messageId"] == message_id]
    assert (row["message"], "deletedAt" in row, "data" in row) == ("", True, False)


def test_a_large_group_hears_of_edits_in_slices(chat: Chat, group: str) -> None:
    config: dict[str, object] = {"namePrefix": "Sliced", "broadcastThreshold": 2, "changes": True}
    sliced = Chat(chat.emulator, deploy(chat.emulator, config))
    with (
        sliced.join("alice", group, protocol=2) as alice,
        sliced.join("bob", group, protocol=2) as bob,
        sliced.join("carol", group, protocol=2) as carol,
        sliced.join("dora", group, protocol=2) as dora,
    ):
        alice.send("editMessage", messageId=sent(alice, "Helo"), message="Hello")
        for client in (bob, carol, dora):
            assert client.receive("messageChanged")["message"]["message"] == "Hello"


@pytest.mark.parametrize("by", ["table", "claim"])
def test_a_moderator_deletes_what_others_wrote(chat: Chat, group: str, by: str) -> None:
    with IdentityProvider() as provider:
        config: dict[str, object] = {
            "namePrefix": f"Moderated{by}",
            "authentication": "jwt",
            "jwtIssuer": provider.issuer,
            "jwtAudience": [provider.audience],
            "changes": True,
        }
        claims: dict[str, Any] = {}
        if by == "table":
            create_members_table(chat.emulator, "ModeratedMembers")
            config |= {"groupMembersTable": "ModeratedMembers", "moderatorRole": "admin"}
            for user, role in (("alice", "member"), ("bob", "member"), ("mo", "admin")):
                row = {"memberId": f"{user} {group}", "userId": user, "groupId": group, "role": role}
                put_row(chat.emulator.client("dynamodb"), "ModeratedMembers", row)
        else:
            config |= {"moderatorClaim": "moderates"}
            claims = {"mo": {"moderates": [group]}}
        moderated = Chat(chat.emulator, deploy(chat.emulator, config))

        def join(user: str) -> ChatClient:
            return moderated.join(user, group, protocol=2, token=provider.mint(user, **claims.get(user, {})))

        with join("alice") as alice, join("bob") as bob, join("mo") as moderator:
            message_id = sent(alice, "Spam")
            assert bob.ask("deleteMessage", messageId=message_id)["code"] == "FORBIDDEN"
            assert moderator.ask("editMessage", messageId=message_id, message="Sorry")["code"] == "FORBIDDEN"
            moderator.send("deleteMessage", messageId=message_id)
            assert alice.receive("messageChanged")["message"]["message"] == ""


def test_a_reader_that_comes_and_goes_has_every_change(chat: Chat, group: str) -> None:
    """Two writers change messages at random, and at the same moments. The reader connects now and then."""
    chance = random.Random(7)
    kept: dict[str, Frame] = {}
    cursor = ""

    def take(messages: list[Frame]) -> None:
        for message in messages:
            known = kept.get(message["messageId"])
            if known is None or known.get("changedAt", "") <= message.get("changedAt", ""):
                kept[message["messageId"]] = message

    with chat.join("alice", group, protocol=2) as alice, chat.join("bob", group, protocol=2) as bob:
        ids = [sent(alice, f"message {number}") for number in range(6)]
        for turn in range(5):
            for number in range(6):
                writer = chance.choice([alice, bob])
                action = chance.choice(["editMessage", "react", "react", "deleteMessage"])
                fields = {
                    "message": f"edit {turn} {number}",
                    "reaction": chance.choice("👍🎉"),
                    "on": chance.random() < 0.6,
                }
                writer.send(action, messageId=chance.choice(ids), **fields)
            with chat.join("reader", group, protocol=2) as reader:
                if not cursor:
                    page = reader.ask("getHistory")
                    take(page["messages"])
                    cursor = str(page["after"])
                changed, cursor = catch_up(reader, cursor)
                take(list(changed.values()))
        # An answer comes after all frames of the same connection that were sent before were taken.
        for writer in (alice, bob):
            writer.ask("ping")
            writer.receive_nothing("error", seconds=1)
        with chat.join("reader", group, protocol=2) as reader:
            changed, cursor = catch_up(reader, cursor)
            take(list(changed.values()))
            truth = {message["messageId"]: message for message in reader.ask("getHistory")["messages"]}
    assert json.dumps(kept, sort_keys=True) == json.dumps(truth, sort_keys=True)
    assert any("reactions" in message for message in truth.values()) or any(
        "deletedAt" in one for one in truth.values()
    )
