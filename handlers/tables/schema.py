"""Names in the tables: keys, attributes and indexes, each written once. The component makes the tables from them."""

from typing import NamedTuple

CONNECTION_ID = "connectionId"
USER_ID = "userId"
GROUP_ID = "groupId"
CONNECTED_AT = "connectedAt"
EXPIRES_AT = "expiresAt"
"""Second since the epoch, the time to live of a row. ``connections.py`` sets it from ``connection_ttl_seconds``."""
AUTHENTICATION = "authentication"
BUSY_UNTIL = "busyUntil"
API_ID = "apiId"
MEMBER = "member"
JOINED_AT = "joinedAt"
PROTOCOL = "protocol"
EVENTS = "events"
NAME = "name"
GROUPS = "groups"
JOINED_MS = "joinedMs"
JOINS_BUSY_UNTIL = "joinsBusyUntil"

MESSAGE_ID = "messageId"
SENDER_ID = "senderId"
SENDER_NAME = "senderName"
MESSAGE = "message"
TIMESTAMP = "timestamp"
CLIENT_MESSAGE_ID = "clientMessageId"
PUSHED_AT = "pushedAt"
TYPE = "type"
REPLY_TO = "replyTo"
DATA = "data"
CHANGED_AT = "changedAt"
EDITED_AT = "editedAt"
DELETED_AT = "deletedAt"
FIRST_DIGEST = "firstDigest"
"""Digest of what a message was when it was sent. It is there once the message is edited or deleted."""
REACTION = "reaction:"
"""Start of the name of an attribute that has the users with one reaction. The reaction follows."""

CHANGE = "change"
"""When a message was changed, ``#`` and its id. So the changes of a group sort by time."""

ROLE = "role"
"""What a member is in a group. Your own programs write it."""

CONNECTION_TYPES = (
    dict.fromkeys(
        (CONNECTION_ID, USER_ID, GROUP_ID, MEMBER, NAME, CONNECTED_AT, JOINED_AT, AUTHENTICATION, API_ID), "S"
    )
    | dict.fromkeys((EXPIRES_AT, BUSY_UNTIL, PROTOCOL, JOINED_MS, JOINS_BUSY_UNTIL), "N")
    | {EVENTS: "BOOL", GROUPS: "BS"}
)
"""What the functions write into the connections table: the attributes with their types."""
MESSAGE_TYPES = dict.fromkeys(
    (
        *(MESSAGE_ID, GROUP_ID, SENDER_ID, SENDER_NAME, MESSAGE, TIMESTAMP, CLIENT_MESSAGE_ID, PUSHED_AT),
        *(TYPE, REPLY_TO, DATA, CHANGED_AT, EDITED_AT, DELETED_AT, FIRST_DIGEST),
    ),
    "S",
)
"""What the functions write into the messages table."""


class Index(NamedTuple):
    """A global secondary index.

    Attributes:
        name: Its name.
        keys: The attribute that queries use, and the attribute that sorts the rows, if there is one.
        projected: Its attributes in addition to the keys. Empty: all attributes.
    """

    name: str
    keys: tuple[str, ...]
    projected: tuple[str, ...] = ()


# The indexes of the connections table leave out the attributes of the rate limits, and the set of groups: frames change
# these in their connection's row, and must not change an index.
CONNECTIONS_BY_GROUP = Index(
    "GroupIdIndex",
    (GROUP_ID,),
    (USER_ID, MEMBER, CONNECTED_AT, JOINED_AT, EXPIRES_AT, AUTHENTICATION, PROTOCOL, EVENTS, NAME, API_ID),
)
CONNECTIONS_BY_USER = Index(
    "UserIdIndex", (USER_ID,), (GROUP_ID, CONNECTED_AT, EXPIRES_AT, AUTHENTICATION, PROTOCOL, API_ID)
)

MESSAGES_BY_GROUP = Index("GroupIdIndex", (GROUP_ID, TIMESTAMP))

MARKERS_BY_GROUP = Index("GroupIdIndex", (GROUP_ID, USER_ID))

MEMBERS_BY_GROUP = Index("GroupIdIndex", (GROUP_ID,))
MEMBERS_BY_USER = Index("UserIdIndex", (USER_ID,))
