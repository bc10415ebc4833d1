"""Connections to a chat with `iam` without the right credentials."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from urllib.parse import quote

from botocore.credentials import Credentials

from tests.security.attack import Scene, attack
from tests.security.chats import ALICE, GROUP, sign


@attack("iam", "A stranger connects without a signature", "403")
def no_signature(scene: Scene) -> str:
    return scene.knock(replace(scene.handshake(group=GROUP), sign=str))


@attack("iam", "A stranger signs with a guessed secret", "403")
def guessed_secret(scene: Scene) -> str:
    guessed = Credentials(scene.chat.world.back_end.access_key, "x" * 40)
    return scene.knock(replace(scene.handshake(group=GROUP), sign=lambda address: sign(guessed, address)))


@attack("iam", "A stranger signs with a key that does not exist", "403")
def unknown_access_key(scene: Scene) -> str:
    unknown = Credentials("AKIAIOSFODNN7EXAMPLE", "x" * 40)
    return scene.knock(replace(scene.handshake(group=GROUP), sign=lambda address: sign(unknown, address)))


@attack("iam", "A user of the AWS account with unrelated permissions signs", "403")
def unrelated_permissions(scene: Scene) -> str:
    outsider = scene.chat.world.outsider
    return scene.knock(replace(scene.handshake(group=GROUP), sign=lambda address: sign(outsider, address)))


@attack("iam", "Somebody sees a signed address and changes the user in it", "403")
def signed_address_for_another_user(scene: Scene) -> str:
    handshake = scene.handshake(group=GROUP)
    changed = handshake.address.replace(quote(scene.user), quote(ALICE))
    assert changed != handshake.address
    return scene.knock(replace(handshake, sign=lambda _: changed))


@attack("iam", "Somebody finds an address that was signed an hour ago and was valid for a minute", "403")
def signed_address_of_an_hour_ago(scene: Scene) -> str:
    handshake = scene.handshake(group=GROUP)
    with patch("botocore.auth.get_current_datetime", lambda: datetime.now(UTC) - timedelta(hours=1)):
        old = handshake.address
    return scene.knock(replace(handshake, sign=lambda _: old))


@attack("iam", "Somebody sees a signed address and uses it for another stage of the API", "403")
def signed_address_for_another_stage(scene: Scene) -> str:
    handshake = scene.handshake(group=GROUP)
    moved = handshake.address.replace("/production?", "/test?")
    assert moved != handshake.address
    return scene.knock(replace(handshake, sign=lambda _: moved))


@attack("iam", "A stranger sends a token, which another chat accepts, instead of a signature", "403")
def token_instead_of_a_signature(scene: Scene) -> str:
    token = scene.chat.world.provider.mint(ALICE, [GROUP])
    return scene.knock(replace(scene.handshake(ALICE, GROUP).parameter("token", token), sign=str))
