"""Connections whose time is over, and those of others."""

import time

from tests.security.attack import NOTHING, Scene, attack
from tests.security.chats import ALICE, GROUP, MARK
from tests.security.client import Client


def _forgotten(scene: Scene) -> Client:
    client = scene.new_member()
    scene.chat.forget(scene.connection_id(scene.user))
    return client


def _outlived(scene: Scene) -> Client:
    client = scene.new_member()
    scene.chat.expire(scene.connection_id(scene.user))
    return client


def _expired(scene: Scene) -> Client:
    """A connection opened with a token that has expired since."""
    expiry = int(time.time()) + 3
    handshake = scene.handshake(group=GROUP)
    token = scene.chat.world.provider.mint(scene.user, [GROUP], exp=expiry)
    client = scene.join(group=GROUP, handshake=handshake.parameter("token", token))
    time.sleep(max(0, expiry + 0.1 - time.time()))
    return client


@attack(
    "open", "A connection that the server has forgotten, after a disconnection it was told of, goes on", "NOT_CONNECTED"
)
def forgotten_connection_speaks(scene: Scene) -> str:
    return scene.tries_everything(_forgotten(scene))


@attack(
    "open",
    "A connection older than the table's time to live, which DynamoDB has not removed yet, goes on",
    "NOT_CONNECTED",
)
def outlived_connection_speaks(scene: Scene) -> str:
    return scene.tries_everything(_outlived(scene))


@attack("open", "A connection older than the table's time to live listens", NOTHING)
def outlived_connection_listens(scene: Scene) -> str:
    return scene.hears(_outlived(scene))


@attack("claims", "A connection goes on after its token has expired", "NOT_CONNECTED")
def expired_connection_speaks(scene: Scene) -> str:
    return scene.tries_everything(_expired(scene))


@attack("claims", "A connection listens after its token has expired", NOTHING)
def expired_connection_listens(scene: Scene) -> str:
    return scene.hears(_expired(scene))


@attack("claims", "A connection whose token has expired shows a new one in a frame", "NOT_CONNECTED")
def expired_connection_shows_a_new_token(scene: Scene) -> str:
    client = _expired(scene)
    token = scene.chat.world.provider.mint(scene.user, [GROUP])
    return scene.error(client, client.message(f"still here {MARK}", token=token, authorization=token))


@attack("open", "A stranger posts to Alice's connection, whose id it knows, without credentials", "403")
def post_to_a_connection(scene: Scene) -> str:
    return scene.call_back("POST", ALICE, f'{{"action":"message","message":"{MARK}"}}'.encode())


@attack("open", "A stranger closes Alice's connection, whose id it knows, without credentials", "403")
def close_a_connection(scene: Scene) -> str:
    return scene.call_back("DELETE", ALICE)


@attack("open", "A stranger asks from which address Alice is connected, without credentials", "403")
def look_up_a_connection(scene: Scene) -> str:
    return scene.call_back("GET", ALICE)


@attack("open", "A user of the account who may do something else posts to Alice's connection", "403")
def post_with_other_credentials(scene: Scene) -> str:
    body = f'{{"action":"message","message":"{MARK}"}}'.encode()
    return scene.call_back("POST", ALICE, body, scene.chat.world.outsider)
