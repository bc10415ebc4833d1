"""Actions ``getPresence`` and ``getHistory`` of the owner's programs, which may read every group."""

from handlers.protocol import frames
from handlers.protocol.client_frames import required_id
from handlers.requests.call import Call
from handlers.tables.aws import unavailable_on_failure

from .history import limit_of, page_of
from .presence import presence_of


def get_presence(call: Call) -> frames.Frame:
    """The frame that a client would get.

    Raises:
        ChatError: BAD_REQUEST or UNAVAILABLE.
    """
    group_id = required_id(call.frame, "groupId")
    with unavailable_on_failure():
        found = presence_of(group_id)
    call.log["members"] = len(found["members"])
    return found | {"groupId": group_id}


def get_history(call: Call) -> frames.Frame:
    """The frame that a client would get. Its pages are as small, although more would fit into the answer.

    Raises:
        ChatError: BAD_REQUEST or UNAVAILABLE.
    """
    group_id, limit = required_id(call.frame, "groupId"), limit_of(call.frame)
    with unavailable_on_failure():
        page = page_of(group_id, call.frame, limit, protocol=frames.NEWEST_PROTOCOL)
    call.log["messages"] = len(page["messages"])
    return page | {"groupId": group_id}
