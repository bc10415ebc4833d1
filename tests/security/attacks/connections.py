"""Expired connections, and connections of other users."""

import time

from tests.security.attack import NOTHING, Scene, attack
from tests.security.chats import ALICE, GROUP, MARK
from tests.security.client import Client


def _deleted(scene: Scene) -> Client:
    client = scene.new_member()
    scene.chat.forget(scene.connection_id(scene.user))
    return client


def _past_time_to_live(scene: Scene) -> Client:
    client = scene.new_member()
    scene.chat.expire(scene.connection_id(scene.user))
    return client


def _with_expired_token(scene: Scene) -> Client:
    """Open a connection and wait until its token expires."""
    expiry = int(time.time()) + 3
    handshake = scene.handshake(group=GROUP)
    token = scene.chat.world.provider.mint(scene.user, [GROUP], exp=expiry)
    client = scene.join(group=GROUP, handshake=handshake.parameter("token", token))
    time.sleep(max(0, expiry + 0.1 - time.time()))
    return client


@attack("open", "A connection sends after `$disconnect` has deleted its row", "NOT_CONNECTED")
def deleted_connection_sends(scene: Scene) -> str:
    return scene.tries_everything(_deleted(scene))


@attack(
    "open",
    "A connection sends when its row is past the time to live, but DynamoDB has not removed the row yet",
    "NOT_CONNECTED",
)
def connection_past_its_time_to_live_sends(scene: Scene) -> str:
    return scene.tries_everything(_past_time_to_live(scene))


@attack("open", "A connection listens when its row is past the time to live", NOTHING)
def connection_past_its_time_to_live_listens(scene: Scene) -> str:
    return scene.hears(_past_time_to_live(scene))


@attack("claims", "A connection sends after its token has expired", "NOT_CONNECTED")
def connection_with_an_expired_token_sends(scene: Scene) -> str:
    return scene.tries_everything(_with_expired_token(scene))


@attack("claims", "A connection listens after its token has expired", NOTHING)
def connection_with_an_expired_token_listens(scene: Scene) -> str:
    return scene.hears(_with_expired_token(scene))


@attack("claims", "A connection sends a new token in a frame after its own token has expired", "NOT_CONNECTED")
def connection_with_an_expired_token_sends_a_new_one(scene: Scene) -> str:
    client = _with_expired_token(scene)
    token = scene.chat.world.provider.mint(scene.user, [GROUP])
    return scene.error(client, client.message(f"still here {MARK}", token=token, authorization=token))


@attack("open", "A stranger knows the id of Alice's connection and posts to it without credentials", "403")
def post_to_a_connection(scene: Scene) -> str:
    return scene.call_back("POST", ALICE, f'{{"action":"message","message":"{MARK}"}}'.encode())


@attack("open", "A stranger knows the id of Alice's connection and closes it without credentials", "403")
def close_a_connection(scene: Scene) -> str:
    return scene.call_back("DELETE", ALICE)


@attack("open", "A stranger asks for the address of Alice's client without credentials", "403")
def look_up_a_connection(scene: Scene) -> str:
    return scene.call_back("GET", ALICE)


@attack("open", "A user of the AWS account with unrelated permissions posts to Alice's connection", "403")
def post_with_unrelated_permissions(scene: Scene) -> str:
    body = f'{{"action":"message","message":"{MARK}"}}'.encode()
    return scene.call_back("POST", ALICE, body, scene.chat.world.outsider)
