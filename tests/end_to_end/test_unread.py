"""Unread messages against the deployed program: two people, several devices, many groups."""

from collections.abc import Callable
from uuid import uuid4

from tests.clients import ChatClient, Frame
from tests.end_to_end.conftest import Chat

Eventually = Callable[[Callable[[], bool]], None]


def listed(client: ChatClient) -> dict[str, Frame]:
    """All groups of the list, page by page."""
    found: dict[str, Frame] = {}
    page: Frame = {"after": None, "more": True}
    while page["more"]:
        page = client.ask("getGroups", after=page["after"])
        found |= {group["groupId"]: group for group in page["groups"]}
    return found


def test_what_is_read_on_one_device_is_read_on_all(chat: Chat, eventually: Eventually) -> None:
    red, blue = f"red {uuid4()}", f"blue {uuid4()}"
    reader = f"reader {uuid4()}"
    with (
        chat.join("writer", red, protocol=2) as writer,
        chat.join(reader, None, protocol=2) as phone,
        chat.join(reader, None, protocol=2) as laptop,
    ):
        for client in (phone, laptop, writer):
            assert client.ask("joinGroup", groupIds=[red, blue])["refused"] == []
        for number in range(3):
            writer.say(f"message {number}", groupId=red)
        last = [phone.receive("message") for _ in range(3)][-1]
        eventually(lambda: listed(phone)[red]["unread"] == 3)
        assert listed(phone)[blue]["lastMessage"] is None

        read = {name: last[name] for name in ("messageId", "timestamp")}
        phone.send("markRead", groupId=red, **read)
        expected = {"action": "read", "groupId": red, "userId": reader, **read}
        assert laptop.receive("read") == expected
        assert writer.receive("read") == expected  # Its handshake named the group, so it asked for events.
        for client in (phone, laptop):
            group = listed(client)[red]
            assert (group["unread"], group["readUpTo"], group["lastMessage"]["message"]) == (0, read, "message 2")

    with chat.join(reader, None, protocol=2) as again:
        group = listed(again)[red]
        assert (group["joined"], group["unread"], group["readUpTo"]) == (False, 0, read)


def test_fifty_groups_are_listed_in_two_pages(chat: Chat) -> None:
    groups = sorted(f"{number:02} {uuid4()}" for number in range(50))
    with chat.join("dora", None, protocol=2) as dora:
        for start in (0, 25):
            assert dora.ask("joinGroup", groupIds=groups[start : start + 25])["refused"] == []
        found = listed(dora)
    assert [group for group in found if group in groups] == groups
    assert all(found[group]["joined"] for group in groups)
