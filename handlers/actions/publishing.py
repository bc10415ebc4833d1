"""Action ``sendMessage`` of the owner's programs: a message to many groups, as any user or as the system."""

from handlers.posting.delivery import Delivery, deliver
from handlers.posting.fan_out import Group
from handlers.protocol import frames
from handlers.protocol.program_frames import published_messages
from handlers.requests.call import Call, problem
from handlers.requests.entry_point import reason_of
from handlers.requests.side_by_side import side_by_side
from handlers.runtime.log import failure, logger
from handlers.runtime.settings import settings


def send_message(call: Call) -> frames.Frame:
    """Store the message once in each group, and push it there. No rate limits it, and its sender need be no member.

    Returns:
        The outcome of each group. An error of one group is no error of the others.

    Raises:
        ChatError: BAD_REQUEST. Nothing is stored.
    """
    messages = {message.group_id: message for message in published_messages(call.frame, settings().system_name)}
    repeatable = call.frame.get("clientMessageId") is not None

    def deliver_to(group_id: str) -> Delivery:
        return deliver(messages[group_id], lambda: Group(group_id), deadline=call.deadline)

    found = side_by_side(messages, deliver_to, deadline=call.deadline, repeatable=repeatable)
    failed = [outcome for outcome in found.values() if isinstance(outcome, Exception)]
    tallies = [outcome.tally for outcome in found.values() if not isinstance(outcome, Exception) and outcome.tally]
    call.log |= {
        "groups": len(messages),
        "failedGroups": len(failed),
        "recipients": sum(tally.recipients for tally in tallies),
        "delivered": sum(tally.delivered for tally in tallies),
        "stale": sum(tally.stale for tally in tallies),
        "failed": sum(tally.failed for tally in tallies),
    }
    if faults := [one for one in failed if reason_of(one).code.value >= 500]:
        call.log |= failure(faults[0].__cause__ or faults[0])
        logger.error("some groups not served", extra={"failedGroups": len(faults)})
    return {"groups": [{"groupId": group_id} | _outcome(outcome) for group_id, outcome in found.items()]}


def _outcome(outcome: Delivery | Exception) -> frames.Frame:
    if isinstance(outcome, Exception):
        return problem(reason_of(outcome))
    stored = outcome.stored
    return {
        name: value
        for name, value in frames.ack(stored.message, duplicate=stored.duplicate).items()
        if name != "action"
    }
