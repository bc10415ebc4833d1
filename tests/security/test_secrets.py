"""No log of any chat contains a message, name, id or token. Runs last, after all attacks."""

import json
import time
from collections.abc import Callable

import pytest

from .attack import LET_IN, Scene
from .chats import CONFIGS, GROUP, MARK, SPLIT, Chat


@pytest.mark.parametrize("name", CONFIGS)
def test_nothing_secret_is_logged(chat_named: Callable[[str], Chat], name: str) -> None:
    chat = chat_named(name)
    # Only one chat has groups large enough for slices.
    asked = chat.outputs["LogGroupNames"].keys() - (set() if name == SPLIT else {"broadcast"})
    began = time.time()
    with Scene(chat) as scene:
        client = scene.new_member()
        everything = {"senderName": f"name {MARK}", "clientMessageId": f"id {MARK}", "token": f"token {MARK}"}
        scene.ask(client, client.message(f"text {MARK}", **everything))
        scene.error(client, client.message(f"text {MARK}", groupId=f"group {MARK}", **everything))
        scene.error(client, f"not JSON {MARK}")
        scene.ask(client, {"action": f"action {MARK}", "after": MARK, "isTyping": MARK})
        scene.ask(client, {"action": "getHistory", "after": f"cursor {MARK}"})
        refused = scene.handshake(f"user {MARK}" * 20, GROUP).parameter("token", f"token {MARK}")
        assert scene.knock(refused.header("Cookie", f"token={MARK}")) != LET_IN
    if "PublishFunction" in chat.outputs:
        event = {
            "action": "sendMessage",
            "groupId": f"group {MARK}",
            "message": f"text {MARK}",
            "senderId": f"user {MARK}",
        }
        for asked_for in (event, event | {"message": [MARK]}, {"action": MARK}):
            chat.world.emulator.client("lambda").invoke(
                FunctionName=chat.outputs["PublishFunction"], Payload=json.dumps(asked_for)
            )
    for victim in (chat.alice, chat.bob):
        victim.receive(lambda frame: frame.get("senderId") == scene.user)
        victim.received = [frame for frame in victim.received if frame.get("senderId") != scene.user]

    deadline = time.monotonic() + 10
    while missing := {function for function in asked if not chat.logged(function, began)}:
        assert time.monotonic() < deadline, f"{missing} logged nothing, so the search would prove nothing"
        time.sleep(0.05)
    logged = chat.everything_logged()
    signatures = [token.rpartition(".")[2] for token in chat.world.provider.minted]
    secrets = (MARK, "eyJ", "X-Amz-", chat.world.back_end.access_key, "x" * 100, *signatures)
    assert [secret for secret in secrets if secret in logged] == []
