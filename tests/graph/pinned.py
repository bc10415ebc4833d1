"""The pinned resources. ``python -m tests.graph.pinned`` writes ``urns.json`` again; review the changes.

If a URN or a physical name changes, Pulumi replaces the resource in every existing stack, and its data or its URL is
lost. If a digest changes, an input changed: test_resources.py, test_policy.py and test_redeploy.py show which one.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pulumi

from components import Authentication, WebSocketChat, WebSocketChatArgs

from .stack import WITH_TOKENS, ZONE, Resource, chat, run

FILE = Path(__file__).with_name("urns.json")
CODE = "code"
"""Changes with every change of a handler or of the layer's content, so it is not pinned."""


def _two() -> None:
    WebSocketChat("chat", {})
    WebSocketChat("other", {"name_prefix": "Other"})


CASES: dict[str, Callable[[], dict[str, Resource]]] = {
    "none": lambda: chat().resources,
    "iam": lambda: chat({"authentication": Authentication.IAM}).resources,
    "jwt": lambda: chat(WITH_TOKENS).resources,
    "no presence": lambda: chat({"presence": False}).resources,
    "messages table": lambda: chat({"create_messages_table": True}).resources,
    "alarms": lambda: chat({"alarms": "arn:aws:sns:eu-central-1:123456789012:alerts"}).resources,
    "dashboard": lambda: chat({"dashboard": True}).resources,
    "domain": lambda: chat(_DOMAIN).resources,
    "access logs": lambda: chat({"access_logs": "managed"}).resources,
    "everything": lambda: chat(_EVERYTHING).resources,
    "two instances": lambda: run(_two).resources,
}
_DOMAIN: WebSocketChatArgs = {
    "domain_name": "chat.example.com",
    "certificate_arn": "arn:aws:acm:eu-central-1:123456789012:certificate/1",
    "hosted_zone_id": ZONE,
}
_EVERYTHING: WebSocketChatArgs = (
    WITH_TOKENS
    | _DOMAIN
    | {
        "create_messages_table": True,
        "group_members_table": "GroupMembers",
        "kms_key_arn": "arn:aws:kms:eu-central-1:123456789012:key/1",
        "tags": {"Team": "Chat"},
        "tracing": True,
        "unread": True,
        "publish": True,
        "moderation_function": "arn:aws:lambda:eu-central-1:123456789012:function:Moderate:live",
        "on_moderation_failure": "closed",
        "event_bus": "chat",
        "changes": True,
        "alarms": "arn:aws:sns:eu-central-1:123456789012:alerts",
        "dashboard": True,
        "access_logs": "managed",
    }
)


def pins(resources: dict[str, Resource]) -> dict[str, str]:
    """The physical name, if there is one, and a digest of all inputs except code, by URN."""
    return {resource.urn: _pin(resource) for resource in resources.values()}


def _pin(resource: Resource) -> str:
    inputs = {key: value for key, value in resource.inputs.items() if key != CODE}
    names = (inputs[key] for key in ("name", "layerName", "dashboardName") if key in inputs)
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
    return f"{next(names, '')} {digest}".lstrip()


def _write() -> None:
    found = {case: dict(sorted(pins(resources()).items())) for case, resources in CASES.items()}
    FILE.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    with mock.patch("components.functions.authorizer_layer", return_value=pulumi.AssetArchive({})):
        _write()
