"""Moderation in the deployed program: a function of the operator decides about each message."""

import json
import time

import pytest

from local.deploy import deploy
from local.emulator import Emulator
from tests.clients import ChatClient
from tests.lambdas import MODERATOR, create_function

from .conftest import Chat


@pytest.fixture(scope="session", params=["open", "closed"])
def moderated(emulator: Emulator, request: pytest.FixtureRequest) -> Chat:
    """A chat whose moderator is called by its alias."""
    prefix = f"Moderated{request.param.title()}"
    create_function(emulator, f"{prefix}Moderator", MODERATOR)
    functions = emulator.client("lambda")
    version = functions.publish_version(FunctionName=f"{prefix}Moderator")["Version"]
    alias = functions.create_alias(FunctionName=f"{prefix}Moderator", Name="live", FunctionVersion=version)
    config: dict[str, object] = {
        "namePrefix": prefix,
        "messagesTable": prefix,
        "createMessagesTable": True,
        "moderationFunction": alias["AliasArn"],
        "onModerationFailure": request.param,
    }
    # Its first start may take longer than the second that a message waits.
    functions.invoke(FunctionName=alias["AliasArn"], Payload=json.dumps({"message": "Hello"}))
    return Chat(emulator, deploy(emulator, config))


def said(client: ChatClient, text: str, message_id: str) -> str:
    """Send a message. Returns the text that the group gets, or the error."""
    client.say(text, clientMessageId=message_id)
    while (answer := client.receive())["action"] == "ack":
        pass
    return str(answer["message"])


def test_the_function_decides(moderated: Chat) -> None:
    with moderated.join("alice", "red", protocol=2) as alice, moderated.join("bob", "red", protocol=2) as bob:
        assert said(alice, "Hello", "c1") == "Hello"
        assert said(alice, "darn it", "c2") == "**** it"
        assert said(alice, "an insult", "c3") == "No insults, please"
        assert said(alice, "Goodbye", "c4") == "Goodbye"
        assert [bob.receive("message")["message"] for _ in range(3)] == ["Hello", "**** it", "Goodbye"]
        history = alice.ask("getHistory")["messages"]
        assert [message["message"] for message in history] == ["Hello", "**** it", "Goodbye"]


def test_a_retry_gets_the_ack_of_the_first_time(moderated: Chat) -> None:
    with moderated.join("alice", "green", protocol=2) as alice:
        assert said(alice, "darn it", "c1") == "**** it"
        alice.say("darn it", clientMessageId="c1")
        assert alice.receive("ack")["duplicate"] is True
        alice.say("**** it", clientMessageId="c1")
        assert alice.receive("error")["code"] == "CONFLICT"


@pytest.mark.parametrize("trouble", ["hang for long", "fail", "odd"])
def test_a_function_that_does_not_answer_holds_up_a_message_for_a_second(moderated: Chat, trouble: str) -> None:
    is_open = "Open" in moderated.outputs["MessagesTable"]
    with moderated.join("alice", trouble, protocol=2) as alice:
        began = time.monotonic()
        answer = said(alice, trouble, "c1")
        assert time.monotonic() - began < 6  # The function would take 8 s.
        assert answer == trouble if is_open else "try again later" in answer
