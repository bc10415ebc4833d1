"""Every attack gets the right answer. Nothing is stored or delivered, and Alice and Bob can still talk."""

from collections.abc import Callable

import pytest

from . import attacks
from .attack import ATTACKS, Attack, Scene
from .chats import ALICE, BOB, CONFIGS, Chat

_INTERNAL = ("arn:", "Traceback", "us-east-1", "dynamodb", "botocore", "handlers", "Exception", "000000000000")
"""Internal details, which no frame may contain."""


@pytest.mark.parametrize("name", CONFIGS)
def test_a_valid_client_connects_and_is_served(chat_named: Callable[[str], Chat], name: str) -> None:
    chat = chat_named(name)
    chat.talk()
    with Scene(chat) as scene:
        client = scene.new_member()
        client.send(client.message("hello"))
        assert client.receive(lambda frame: frame["action"] == "message")["senderId"] == scene.user
        assert scene.ask(client, {"action": "getHistory"})["messages"]
        members = scene.ask(client, {"action": "getPresence"})["members"]
        assert {member["userId"] for member in members} == {ALICE, BOB, chat.member.user, client.user}
        assert scene.ask(client, {"action": "ping"})["action"] == "pong"
    for victim in (chat.alice, chat.bob):
        victim.receive(lambda frame: frame.get("senderId") == scene.user)
        victim.received = [frame for frame in victim.received if frame.get("senderId") != scene.user]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_attack(chat_named: Callable[[str], Chat], attack: Attack) -> None:
    chat = chat_named(attack.chat)
    with Scene(chat) as scene:
        assert attack.run(scene) == attack.answer
        stored, connected = scene.before
        assert scene.of_others(chat.messages()) == scene.of_others(stored)
    assert chat.connections() == connected
    shown = scene.received()
    assert not [word for word in (*_INTERNAL, *chat.physical_names()) if word.lower() in shown.lower()]
    chat.talk()
    assert chat.unexpected() == []


def test_every_module_of_attacks_is_registered() -> None:
    assert {attack.run.__module__ for attack in ATTACKS.values()} == {module.__name__ for module in attacks.IN_ORDER}
