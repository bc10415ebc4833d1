"""``python -m local.join`` in several groups: its commands, and a user whom the chat keeps out of a group."""

import re
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from local.deploy import deploy
from local.emulator import Emulator
from local.prerequisites import create_members_table
from tests.browser.network import Network
from tests.clients import ChatClient
from tests.rows import put_row

from .joined import Joined, Start
from .screen import OpenScreen

MEMBERS, MESSAGES = "GroupMembers", "ChatMessages"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(port=0) as running:
        create_members_table(running)
        yield running


@pytest.fixture(scope="module")
def url(emulator: Emulator) -> str:
    config = {"createMessagesTable": True, "groupMembersTable": MEMBERS, "membershipRecheck": 1}
    return str(deploy(emulator, config)["WebSocketURL"])


Group = Callable[..., str]


@pytest.fixture
def group(emulator: Emulator) -> Group:
    """Make a group with members."""

    def group(name: str, *members: str) -> str:
        group_id = f"{name} {uuid4()}"
        for member in members:
            row = {"memberId": f"{member} in {group_id}", "userId": member, "groupId": group_id}
            put_row(emulator.client("dynamodb"), MEMBERS, row)
        return group_id

    return group


@pytest.fixture
def join(start: Start, url: str) -> Start:
    """Join groups."""

    def join(*groups: str, to: str = url) -> Joined:
        return start(*(f"--group={group}" for group in groups), "--name=Ann", f"--url={to}")

    return join


def stored(emulator: Emulator, *groups: str) -> list[str]:
    rows = emulator.client("dynamodb").scan(TableName=MESSAGES)["Items"]
    said = [row for row in rows if row["groupId"]["S"] in groups]
    return [row["message"]["S"] for row in sorted(said, key=lambda row: row["timestamp"]["S"])]


def test_groups_are_joined_switched_and_left_and_no_command_is_sent(
    emulator: Emulator, join: Start, url: str, group: Group
) -> None:
    red, blue, green = group("red, first", "Ann", "bob"), group("blue/x", "Ann", "bob"), group("green #1", "Ann")
    with ChatClient(url, "bob", red) as bob, ChatClient(url, "bob", blue) as bob_in_blue:
        ann = join(red, blue)
        ann.see(rf"\* Connected to {red}, {blue} as Ann\n\* Here in {red}: Ann, bob\n")
        ann.type("to red\n")
        assert bob.receive("message")["message"] == "to red"
        bob_in_blue.say("from blue", senderName=f"[{red}] Bob")
        ann.see(rf"\d\d:\d\d \[{blue}\] \[{red}\] Bob: from blue\n")
        ann.type(f"/join {blue}\n//to blue\n")
        ann.see(rf"\* You write to {blue} now\n")
        assert [bob_in_blue.receive("message")["message"] for _ in range(2)] == ["from blue", "/to blue"]
        ann.type(f"/join\t {green} \nto green\n")
        ann.see(rf"\* Joined {green}\. You write to it now\n")
        ann.see(rf"\* Here in {green}: Ann\n")
        ann.type(f"/who {red}\n")
        ann.see(rf"\* Here in {red}: Ann, bob\n")
        ann.type("/who\n")
        ann.see(rf"\* Here in {green}: Ann\n")
        ann.type(f"/leave {red}\n/leave\n/who {red}\n")
        ann.see(rf"\* Left {red}\. You write to {green} now\n\* Left {green}\. You write to {blue} now\n")
        ann.see(rf"\* You are not in {red}\n")
        ann.type("/nothing here\n/\n/join\n/help\n")
        ann.see(r"\* There is no command /nothing\. /help shows .* as a message: //nothing here\n")
        ann.see(rf"\* There is no command /\. .*\n\* Name the group: /join GROUP\. You are in: {blue}\n")
        ann.see(r"\* /join GROUP  .*\n")
        bob.say("to those who stayed")
        bob.receive("message")
        bob_in_blue.say("the last")
        ann.see(r"\d\d:\d\d Bob: the last\n")
        ann.type("/leave\nto nobody\n")
        ann.see(rf"\* Left {blue}\. You write to no group now\. Choose one: /join GROUP\n")
        ann.see(r"\* Not sent: to nobody: you write to no group\. ")
        ann.end_input()
        assert ann.end() == 1
    assert "to those who stayed" not in ann.shown
    said = ["to red", "from blue", "/to blue", "to green", "to those who stayed", "the last"]
    assert stored(emulator, red, blue, green) == said


def test_a_group_that_is_joined_again_shows_what_was_missed(join: Start, url: str, group: Group) -> None:
    red, blue = group("red", "Ann"), group("blue", "Ann", "bob")
    with ChatClient(url, "bob", blue) as bob:
        ann = join(red, blue)
        bob.say("one")
        ann.see("Bob: one\n")
        ann.type(f"/leave {blue}\n")
        ann.see(rf"\* Left {blue}")
        bob.say("two")
        assert [bob.receive("message")["message"] for _ in range(2)] == ["one", "two"]
        ann.type(f"/join {blue}\n")
        ann.see("Bob: two\n")
    assert [ann.shown.count(text) for text in ("Bob: one", "Bob: two")] == [1, 1]


def test_commands_are_obeyed_while_the_connection_is_lost(
    emulator: Emulator, join: Start, url: str, group: Group
) -> None:
    red, blue, green = group("red", "Ann", "bob"), group("blue", "Ann"), group("green", "Ann", "bob")
    with Network(url) as network, ChatClient(url, "bob", red) as bob, ChatClient(url, "bob", green) as bob_in_green:
        ann = join(red, blue, to=network.url)
        ann.see(r"\* Connected")
        network.fail()
        ann.see(r"\* The connection is lost")
        ann.type(f"/who\n/leave {blue}\n/join {green}\nto green\n/leave {red}\n")
        ann.see(rf"\* Left {blue}\. You write to {red} now\n")
        ann.see(rf"\* {green} is joined when the connection is back\. You can write to it now\.\n")
        ann.see(rf"\* Left {red}\. You write to {green} now\n")
        assert "* There is no connection now. Ask again when it is back.\n" in ann.shown
        network.recover()
        ann.see(rf"\* Connected again\n\* Joined {green}\. You write to it now\n")
        ann.see(r"\* Here: Ann, bob\n")
        assert bob_in_green.receive("message")["message"] == "to green"
        bob.say("to red")
        bob.receive("message")
        bob_in_green.say("in green")
        ann.see("Bob: in green\n")
    assert "Bob: to red" not in ann.shown
    assert stored(emulator, red, blue, green) == ["to green", "to red", "in green"]


def test_a_member_who_is_removed_is_told_and_writes_to_no_other_group(
    emulator: Emulator, join: Start, url: str, group: Group
) -> None:
    red, blue = group("red", "Ann", "bob"), group("blue", "Ann")
    with ChatClient(url, "bob", red) as bob:
        ann = join(red, blue)
        ann.see(r"\* Connected")
        emulator.client("dynamodb").delete_item(TableName=MEMBERS, Key={"memberId": {"S": f"Ann in {red}"}})
        time.sleep(1.1)  # membershipRecheck
        bob.say("without Ann")
        ann.see(rf"\* You are out of {red}: .* \(REMOVED\)\. You write to no group now\. Choose one: /join GROUP\n")
        ann.type("to red\n")
        ann.see(r"\* Not sent: to red: you write to no group\. ")
        ann.type(f"/join {red}\nto red\n")
        ann.see(rf"\* You are not in {red}: .* \(FORBIDDEN\)\. You write to no group now\.")
        ann.type(f"/join {blue}\nto blue\n")
        ann.see("Ann: to blue\n")
        ann.end_input()
        assert ann.end() == 1
    assert len(re.findall(r"\* Not sent: to red: ", ann.shown)) == 2
    assert "without Ann" not in ann.shown
    assert stored(emulator, red, blue) == ["without Ann", "to blue"]


def test_a_user_who_may_join_nothing_is_told_and_the_unsent_is_shown(join: Start, group: Group) -> None:
    ann = join(group("red"), group("blue"))
    ann.type("to red\n")
    assert ann.end() == 1
    lines = ann.shown.splitlines()
    assert re.match(r"\* You are not in red .*: .* \(FORBIDDEN\)\. You write to no group now\. ", lines[0])
    # The server may have refused the message, too, before it refused the group.
    refused = "* Not sent: to red: you are not a member of this group: ask for access to it (FORBIDDEN)."
    assert lines[1] in ("* Not sent: to red", refused)
    assert re.match(r"You are not in blue .*: .* \(FORBIDDEN\)\. Check GROUP", lines[2])


def test_the_prompt_and_the_status_name_the_group_that_the_next_line_goes_to(
    open_screen: OpenScreen, url: str, group: Group
) -> None:
    red, blue = group("red", "Ann", "bob"), group("blue", "Ann")
    ann = open_screen(f"--group={red}", f"--group={blue}", "--name=Ann", f"--url={url}", columns="120")
    ann.see(f"* Here in {red}: Ann", f"{red}>", f" connected | you write to {red}")
    with ChatClient(url, "bob", red) as bob:
        # It comes up to five seconds later.
        ann.see(f"* bob has joined {red}", f"{red}>", f" connected | you write to {red}")
        ann.type(f"/join {blue}")
        ann.press("Enter")
        ann.see(f"{red}> /join {blue}", f"* You write to {blue} now", f"{blue}>", f" connected | you write to {blue}")
        ann.type("half")
        bob.say("Hello")
        ann.see(f"hh:mm [{red}] Bob: Hello", f"{blue}> half", f" connected | you write to {blue}")
        ann.press("C-u")
        ann.type(f"/leave {red}")
        ann.press("Enter")
        ann.see(f"* Left {red}. You write to {blue} now", ">", f" connected | you write to {blue}")
        ann.type("/leave")
        ann.press("Enter")
        ann.see(">", " connected | you write to no group")
    ann.press("C-c")
    ann.find("ended with 0")
