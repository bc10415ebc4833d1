"""The bus of EventBridge that gets the chat's events. Somebody else made it."""

import pulumi
import pulumi_aws as aws

from .arguments import InvalidArgumentError
from .arguments.table import ARGUMENTS


def bus_arn(bus: pulumi.Input[str], component: pulumi.Resource) -> pulumi.Input[str]:
    """The ARN of a bus. A name is looked up, so that the preview refuses a bus that does not exist.

    An ARN is taken as it is: a bus of another account cannot be looked up.

    Args:
        bus: The argument ``event_bus``. A text is looked up at once, an Output as soon as its resource exists.
        component: The component, whose provider is asked.

    Raises:
        InvalidArgumentError: There is no such bus in the account and region.
    """
    if isinstance(bus, str):
        if not bus or bus.startswith("arn:"):
            return bus
        try:
            return aws.cloudwatch.get_event_bus(name=bus, opts=pulumi.InvokeOptions(parent=component)).arn
        except Exception as error:  # Pulumi raises no narrower one.
            raise _refusal(bus, error) from error

    def ask(known: str) -> pulumi.Output[str]:
        if known.startswith("arn:"):
            return pulumi.Output.from_input(known)
        # Ask with the Output, not with its value: only then Pulumi waits until the resource behind it exists.
        found = aws.cloudwatch.get_event_bus_output(name=bus, opts=pulumi.InvokeOutputOptions(parent=component))
        return found.arn

    output: pulumi.Output[str] = pulumi.Output.from_input(bus)
    return output.apply(ask)


def _refusal(bus: str, error: Exception) -> InvalidArgumentError:
    allowed = f"{ARGUMENTS['event_bus'].rule.allowed}, in the chat's account and region unless it is an ARN"
    return InvalidArgumentError("event_bus", bus, f"{allowed}. Pulumi could not look it up: {error}")
