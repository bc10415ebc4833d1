"""EventBridge: buses. The program only asks for them."""

from local.emulator import Emulator

from .inputs import Properties, named


def look_up(emulator: Emulator, name: str) -> Properties:
    """Answer ``aws.cloudwatch.get_event_bus``.

    Raises:
        LookupError: There is no such bus.
    """
    events = emulator.client("events")
    try:
        bus = events.describe_event_bus(Name=name)
    except events.exceptions.ResourceNotFoundException:
        raise LookupError("couldn't find resource") from None
    return named(bus, {"Name": "name", "Arn": "arn"})
