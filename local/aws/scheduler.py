"""EventBridge Scheduler: schedules.

Where the emulator differs from AWS:

- It looks every 10 seconds what is due, reads each ``cron`` in UTC, whatever the time zone, and has no flexible window.
- It invokes the target without the schedule's role. It does not repeat an invocation that failed.
- The target gets its input as it stands, with context attributes such as ``<aws.scheduler.execution-id>`` unfilled.
"""

from local.emulator import Emulator

from .inputs import Inputs, Properties, named, only
from .resource import Resource

_SCHEDULE = {
    "ScheduleExpression": "scheduleExpression",
    "ScheduleExpressionTimezone": "scheduleExpressionTimezone",
}
_WINDOW = {"Mode": "mode", "MaximumWindowInMinutes": "maximumWindowInMinutes"}
_TARGET = {"Arn": "arn", "RoleArn": "roleArn", "Input": "input"}
_DEFAULT_GROUP = "default"


class Schedule(Resource):
    """A schedule. Its id is the name of its group, ``/`` and its own name."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        name, group = str(inputs.take("name")), inputs.take("groupName") or _DEFAULT_GROUP
        emulator.client("scheduler").create_schedule(Name=name, GroupName=group, **_all(inputs))
        return f"{group}/{name}"

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        group, _, name = resource_id.partition("/")
        schedules = emulator.client("scheduler")
        try:
            found = schedules.get_schedule(Name=name, GroupName=group)
        except schedules.exceptions.ResourceNotFoundException:
            return None
        return named(found, _SCHEDULE | {"Name": "name", "GroupName": "groupName", "Arn": "arn"}) | {
            "flexibleTimeWindow": named(found["FlexibleTimeWindow"], _WINDOW),
            "target": named(found["Target"], _TARGET),
        }

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        # What an update leaves out gets its default.
        names = (*_SCHEDULE.values(), "flexibleTimeWindow", "target")
        for input_ in names:
            changed.take(input_)
        group, _, name = resource_id.partition("/")
        values = Inputs(name, {input_: known.get(input_) for input_ in names})
        emulator.client("scheduler").update_schedule(Name=name, GroupName=group, **_all(values))

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        group, _, name = resource_id.partition("/")
        emulator.client("scheduler").delete_schedule(Name=name, GroupName=group)


def _all(inputs: Inputs) -> Properties:
    """Take all inputs but the names."""
    return inputs.taken(_SCHEDULE) | {
        "FlexibleTimeWindow": only(inputs.part("flexibleTimeWindow"), _WINDOW),
        "Target": only(inputs.part("target"), _TARGET),
    }


TYPES: dict[str, Resource] = {"aws:scheduler/schedule:Schedule": Schedule()}
