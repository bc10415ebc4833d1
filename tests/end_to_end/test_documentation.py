"""The deployed program behaves as the exchanges in docs/protocol.md say."""

import json
import re
from pathlib import Path
from typing import Any

from handlers.default import ACTIONS, CHANGE_ACTIONS, UNREAD_ACTIONS
from handlers.protocol.errors import Code
from tests.clients import ChatClient
from tests.end_to_end.conftest import Chat

PROTOCOL = (Path(__file__).parent.parent.parent / "docs" / "protocol.md").read_text()
EXCHANGE_ACTIONS = re.findall(r"```exchange\n(.*?)```", PROTOCOL, re.DOTALL)


def matches(frame: Any, documented: Any) -> bool:
    """Whether a frame equals the documented one. A documented ``…`` matches any text that is not empty."""
    if documented == "…":
        return isinstance(frame, str) and bool(frame)
    if isinstance(documented, dict) and isinstance(frame, dict):
        return documented.keys() == frame.keys() and all(matches(frame[key], documented[key]) for key in documented)
    if isinstance(documented, list) and isinstance(frame, list):
        return len(documented) == len(frame) and all(map(matches, frame, documented))
    return bool(frame == documented)


def replay(exchange: str, alice: ChatClient, bob: ChatClient) -> None:
    awaited: dict[str, list[Any]] = {"S": [], "B": []}

    def settle() -> None:
        # The answers to one frame may come in any order.
        for who, client in (("S", alice), ("B", bob)):
            while awaited[who]:
                frame = client.receive()
                found = next((one for one in awaited[who] if matches(frame, one)), None)
                if found is not None:
                    awaited[who].remove(found)
                else:  # Not every exchange shows what Bob receives.
                    assert who == "B", f"received {frame}, but the document says {awaited[who]}"

    for line in exchange.splitlines():
        who, _, text = line.partition(" ")
        if who == "C":
            settle()
            alice.send_text(text)
        else:
            awaited[who].append(json.loads(text))
    settle()


def test_every_exchange_happens_as_documented(chat: Chat) -> None:
    with chat.join("alice", "demo", protocol=2) as alice, chat.join("bob", "demo", protocol=2) as bob:
        for exchange in EXCHANGE_ACTIONS:
            replay(exchange, alice, bob)


def test_every_action_and_code_is_documented() -> None:
    documented = set(re.findall(r'C \{"action":"(\w+)"', "".join(EXCHANGE_ACTIONS)))
    assert documented >= {*ACTIONS, *UNREAD_ACTIONS, *CHANGE_ACTIONS, "sendMessage"}
    codes = set(re.findall(r"^\| ([A-Z_]+) \|", PROTOCOL, re.MULTILINE))
    assert codes == {code.name for code in Code}
