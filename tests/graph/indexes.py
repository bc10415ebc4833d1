"""The indexes that the component creates, as they are deployed. Add to these lists, but change nothing in them."""

from .stack import Properties


def _index(name: str, projection: Properties, **keys: str) -> Properties:
    schemas = [{"attributeName": attribute, "keyType": type_} for attribute, type_ in keys.items()]
    return {"name": name, "keySchemas": schemas} | projection


def _including(*attributes: str) -> Properties:
    return {"projectionType": "INCLUDE", "nonKeyAttributes": list(attributes)}


CONNECTIONS_INDEXES = [
    _index(
        "GroupIdIndex",
        _including(
            *("userId", "member", "connectedAt", "joinedAt", "expiresAt"),
            *("authentication", "protocol", "events", "name", "apiId"),
        ),
        groupId="HASH",
    ),
    _index(
        "UserIdIndex",
        _including("groupId", "connectedAt", "expiresAt", "authentication", "protocol", "apiId"),
        userId="HASH",
    ),
]
MESSAGES_INDEXES = [_index("GroupIdIndex", {"projectionType": "ALL"}, groupId="HASH", timestamp="RANGE")]
MARKERS_INDEXES = [_index("GroupIdIndex", {"projectionType": "ALL"}, groupId="HASH", userId="RANGE")]
