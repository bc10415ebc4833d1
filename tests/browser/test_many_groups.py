"""The client module with many groups over one socket, in a real Chromium, against the deployed program."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.deploy import deploy
from local.emulator import Emulator
from local.identity_provider import IdentityProvider

from .network import Network
from .person import Person

MORE_THAN_A_FRAME_TAKES = 26

_CONNECT = """
const [url, userId, groups, options] = arguments;
const sockets = [];
class Socket extends WebSocket {
  constructor(...values) {
    super(...values);
    sockets.push(this);
    this.addEventListener("message", ({ data }) => {
      const { action, messageId } = JSON.parse(data);
      if (action === "message") user.pushed[messageId] = true;
    });
  }
  close() {
    super.close();
    // Whether another socket is open at this moment.
    user.closes.push(sockets.some((socket) => socket.readyState === WebSocket.OPEN));
  }
}
const user = { sockets, closes: [], pushed: {}, faults: [], states: [], rooms: {} };
(window.users ??= {})[userId] = user;
return import("/chat-client.js").then(({ ChatClient }) => {
  const { token, ...others } = options;
  const getToken = token && (() => token);
  const chat = (user.chat = new ChatClient(url, { userId, WebSocket: Socket, getToken, ...others }));
  chat.on("state", (state) => user.states.push(state));
  chat.on("error", ({ code, retryable }) => retryable || user.faults.push(code));
  for (const groupId of groups) {
    const room = (user.rooms[groupId] = chat.group(groupId));
    room.on("messages", (messages) => {
      const sent = messages.filter(({ status }) => status === "sent");
      const order = sent.map(({ timestamp, messageId }) => `${timestamp} ${messageId}`);
      if (`${order}` !== `${[...new Set(order)].sort()}`) user.faults.push(`${groupId}: ${order}`);
    });
  }
  chat.connect();
});
"""
"""Script: create a client in many groups, and keep it in ``window.users``."""
_SEEN = """
const [userId] = arguments;
return Object.fromEntries(Object.entries(users[userId].rooms).map(([groupId, { messages }]) => [
  groupId, messages.filter(({ status }) => status === "sent").map(({ message }) => message),
]));
"""
"""Script: the texts that are sent, by group."""


class User:
    """A client in a browser's page."""

    def __init__(self, person: Person, user_id: str, url: str, groups: list[str], **options: object) -> None:
        self._person = person
        self.id = user_id
        person.script(_CONNECT, url, user_id, groups, options)

    def run(self, code: str, *arguments: object) -> Any:
        """Run a script in which ``user`` is this client."""
        return self._person.script(f"const user = users[arguments[0]]; {code}", self.id, *arguments)

    def say(self, group: str, text: str) -> None:
        self.run("user.rooms[arguments[1]].send(arguments[2])", group, text)

    @property
    def seen(self) -> dict[str, list[str]]:
        seen: dict[str, list[str]] = self._person.script(_SEEN, self.id)
        return seen

    @property
    def sorted(self) -> dict[str, list[str]]:
        return {group: sorted(texts) for group, texts in self.seen.items()}

    def until_state(self, state: str) -> None:
        self._person.until(lambda: self.run("return user.chat.state") == state)

    @property
    def faults(self) -> list[str]:
        return list(self.run("return user.faults"))


@pytest.fixture
def page(person: Callable[[str], Person]) -> Person:
    page = person("Ann")
    page.open()
    return page


def test_every_message_of_every_group_arrives_once_through_lost_connections(
    page: Person, group: str, unhurried_chat_url: str
) -> None:
    groups = [f"{group}, {number}" for number in range(MORE_THAN_A_FRAME_TAKES)]
    with Network(unhurried_chat_url) as network:
        ann = User(page, "ann", network.url, groups, senderName="Ann")
        bob = User(page, "bob", unhurried_chat_url, groups)
        for user in (ann, bob):
            user.until_state("online")
        for turn in range(2):
            for user in (ann, bob):
                for each in groups:
                    user.say(each, f"{turn}")
            network.cut()
        said = {each: ["0", "0", "1", "1"] for each in groups}
        for user in (ann, bob):
            page.until(lambda user=user: user.sorted == said, seconds=180)  # type: ignore[misc]
            assert user.faults == []
        assert ann.seen == bob.seen
        assert ann.run("return user.sockets.length") > 1


def test_rooms_open_and_close_and_only_those_that_are_looked_at_show_people(
    page: Person, group: str, chat_url: str
) -> None:
    other = f"{group}, other"
    ann = User(page, "ann", chat_url, [group, other], senderName="Ann")
    bob = User(page, "bob", chat_url, [group], senderName="Bob")
    ann.until_state("online")
    bob.until_state("online")
    for user in (ann, bob):
        user.run("for (const event of ['presence', 'typing']) user.rooms[arguments[1]].on(event, () => {})", group)
    here = (
        "return user.rooms[arguments[1]].presence.members.map(({ userId, name }) => `${userId} ${name}`).sort().join()"
    )
    for user in (ann, bob):
        page.until(lambda user=user: user.run(here, group) == "ann Ann,bob Bob")  # type: ignore[misc]
    assert ann.run(here, other) == ""
    bob.run("user.rooms[arguments[1]].setTyping()", group)
    typing = "const room = user.rooms[arguments[1]]; return room.typing.map((id) => room.nameOf(id)).join()"
    page.until(lambda: ann.run(typing, group) == "Bob")

    ann.run("user.rooms[arguments[1]].close()", group)
    page.until(lambda: bob.run(here, group) == "bob Bob")
    bob.say(group, "while you are out")
    page.until(lambda: bob.seen[group] == ["while you are out"])
    time.sleep(0.5)
    assert ann.seen[group] == []
    ann.run("user.chat.group(arguments[1])", group)
    page.until(lambda: ann.seen[group] == ["while you are out"])
    ann.say(other, "alone here")
    page.until(lambda: ann.seen[other] == ["alone here"])
    assert bob.seen == {group: ["while you are out"]}
    assert ann.faults + bob.faults == []


def test_another_tab_sends_what_a_closed_tab_could_not_even_in_a_group_that_it_does_not_open(
    page: Person, network: Network, group: str, chat_url: str
) -> None:
    browser = page.browser
    network.fail()
    ann = User(page, "ann", network.url, [group])
    ann.say(group, "from the closed tab")
    closing = browser.current_window_handle
    browser.switch_to.new_window("tab")
    open_tab = browser.current_window_handle
    page.open()
    other = User(page, "ann", network.url, [f"{group}, other"])
    bob = User(page, "bob", chat_url, [group])
    bob.until_state("online")
    browser.switch_to.window(closing)
    browser.close()
    browser.switch_to.window(open_tab)
    network.recover()
    other.run("user.chat.wake()")
    page.until(lambda: bob.seen[group] == ["from the closed tab"])
    other.until_state("online")
    assert other.run("return Object.keys(localStorage).length") == 0
    assert other.faults + bob.faults == []


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as provider:
        yield provider


@pytest.mark.timeout(240)
def test_a_new_connection_is_there_before_the_old_one_goes(
    page: Person, group: str, emulator: Emulator, provider: IdentityProvider
) -> None:
    """The token is too long for a URL, so it travels as a subprotocol."""
    config = {"namePrefix": "Tokens", "authentication": "jwt", "jwtIssuer": provider.issuer}
    url = str(
        deploy(emulator, config | {"jwtAudience": [provider.audience], "jwtJwksUrl": provider.jwks_url})["WebSocketURL"]
    )
    groups = [f"{group}, red", f"{group}, blue"]
    with Network(url, subprotocol="websocket-chat") as network:
        timing = {"maxConnectionMs": 3_000, "resyncDelayMs": 1_000, "replyTimeoutMs": 60_000}
        ann, bob = (
            User(
                page,
                name,
                network.url,
                groups,
                token=provider.mint(name, groups=groups, note="x" * 4_096),
                tokenAsSubprotocol=True,
                timing=timing if name == "ann" else {},
            )
            for name in ("ann", "bob")
        )
        for user in (ann, bob):
            user.until_state("online")
        texts: list[str] = []
        deadline = time.monotonic() + 180
        while len(ann.run("return user.closes")) < 2:
            assert time.monotonic() < deadline, "the client did not move to another connection"
            texts.append(f"{len(texts)}")
            bob.say(groups[len(texts) % 2], texts[-1])
            time.sleep(0.3)  # More would keep a slow machine busy, so that it hardly opens connections.
        page.until(lambda: sum(map(len, ann.seen.values())) == len(texts))
        assert ann.seen == {groups[0]: texts[1::2], groups[1]: texts[::2]}
        # Each message was pushed: none had to be fetched because no socket was there.
        assert len(ann.run("return Object.keys(user.pushed)")) == len(texts)
        assert ann.run("return user.states") == ["connecting", "syncing", "online"]
        assert all(ann.run("return user.closes"))
        assert ann.faults + bob.faults == []
