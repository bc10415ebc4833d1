"""EventBridge: buses, rules and their targets.

Where the emulator differs from AWS:

- A rule invokes a function without asking the function's own policy. If ``aws.lambda_.Permission`` is missing, it fails
  on AWS only.
- An invocation that failed is neither repeated nor kept in a dead-letter queue.
- An input transformer does not escape a value inside of a text, as AWS documents for all values. It escapes a value
  outside of a text. If the result is no JSON, the function gets it as the text ``body``.
- A deleted bus takes its rules with it, and a deleted rule its targets. AWS refuses to delete a bus or a rule that has
  some.
"""

from local.emulator import Emulator

from .inputs import Inputs, Properties, named, only
from .resource import Resource, retag, tag_list, tag_map

_DEFAULT_BUS = "default"
_TRANSFORMER = {"InputPathsMap": "inputPaths", "InputTemplate": "inputTemplate"}


class EventBus(Resource):
    """A bus. Its name is its id."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        name = str(inputs.take("name"))
        emulator.client("events").create_event_bus(Name=name, Tags=tag_list(inputs.take("tags")))
        return name

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        events = emulator.client("events")
        try:
            found = events.describe_event_bus(Name=resource_id)
        except events.exceptions.ResourceNotFoundException:
            return None
        return named(found, {"Name": "name", "Arn": "arn"}) | {"tags": _tags(emulator, found["Arn"])}

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        _retag(emulator, known["arn"], changed)

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("events").delete_event_bus(Name=resource_id)


class EventRule(Resource):
    """A rule. Its id is its name, after that of its bus unless it is the default one."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        name, bus = str(inputs.take("name")), inputs.take("eventBusName") or _DEFAULT_BUS
        emulator.client("events").put_rule(
            Name=name,
            EventBusName=bus,
            EventPattern=inputs.take("eventPattern"),
            Tags=tag_list(inputs.take("tags")),
        )
        return name if bus == _DEFAULT_BUS else f"{bus}/{name}"

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        events, rule = emulator.client("events"), _rule(resource_id)
        try:
            found = events.describe_rule(**rule)
        except events.exceptions.ResourceNotFoundException:
            return None
        return named(found, {"Name": "name", "Arn": "arn", "EventPattern": "eventPattern"}) | {
            "eventBusName": rule["EventBusName"],
            "tags": _tags(emulator, found["Arn"]),
        }

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        _retag(emulator, known["arn"], changed)
        if pattern := changed.take("eventPattern"):
            emulator.client("events").put_rule(**_rule(resource_id), EventPattern=pattern)

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("events").delete_rule(**_rule(resource_id))


class EventTarget(Resource):
    """What a rule invokes. Its id has the names of the bus, the rule and the target, with ``-`` between them."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        bus, rule, target_id = inputs.take("eventBusName"), inputs.take("rule"), inputs.take("targetId")
        self._put(emulator, bus, rule, target_id, inputs)
        return "-".join((rule, target_id) if bus in {None, _DEFAULT_BUS} else (bus, rule, target_id))

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        if not known:  # An import.
            *bus_name, rule, target_id = resource_id.rsplit("/", 2)
            known = {"eventBusName": "".join(bus_name), "rule": rule, "targetId": target_id}
            resource_id = resource_id.replace("/", "-")
        bus, rule = known.get("eventBusName") or _DEFAULT_BUS, known["rule"]
        events = emulator.client("events")
        for target in events.list_targets_by_rule(EventBusName=bus, Rule=rule)["Targets"]:
            if target["Id"] == known["targetId"]:
                return {
                    "id": resource_id,
                    "eventBusName": bus,
                    "rule": rule,
                    "targetId": target["Id"],
                    "arn": target["Arn"],
                    "inputTransformer": named(target.get("InputTransformer", {}), _TRANSFORMER),
                }
        return None

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        names = ("arn", "inputTransformer")
        for name in names:
            changed.take(name)
        values = Inputs(resource_id, {name: known.get(name) for name in names})
        self._put(emulator, known.get("eventBusName"), known["rule"], known["targetId"], values)

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("events").remove_targets(
            EventBusName=known.get("eventBusName") or _DEFAULT_BUS, Rule=known["rule"], Ids=[known["targetId"]]
        )

    @staticmethod
    def _put(emulator: Emulator, bus: str | None, rule: str, target_id: str, inputs: Inputs) -> None:
        target = {"Id": target_id, "Arn": inputs.take("arn")}
        if transformer := only(inputs.part("inputTransformer"), _TRANSFORMER):
            target["InputTransformer"] = transformer
        emulator.client("events").put_targets(EventBusName=bus or _DEFAULT_BUS, Rule=rule, Targets=[target])


def look_up(emulator: Emulator, name: str) -> Properties:
    """Answer ``aws.cloudwatch.get_event_bus``.

    Raises:
        LookupError: There is no such bus.
    """
    found = EventBus().read(emulator, name, {})
    if found is None:
        raise LookupError("couldn't find resource")
    return found


def _rule(resource_id: str) -> dict[str, str]:
    bus, _, name = resource_id.rpartition("/")
    return {"EventBusName": bus or _DEFAULT_BUS, "Name": name}


def _tags(emulator: Emulator, arn: str) -> dict[str, str]:
    return tag_map(emulator.client("events").list_tags_for_resource(ResourceARN=arn)["Tags"])


def _retag(emulator: Emulator, arn: str, changed: Inputs) -> None:
    events = emulator.client("events")
    retag(
        changed,
        lambda: _tags(emulator, arn),
        lambda new: events.tag_resource(ResourceARN=arn, Tags=tag_list(new)),
        lambda gone: events.untag_resource(ResourceARN=arn, TagKeys=gone),
    )


TYPES: dict[str, Resource] = {
    "aws:cloudwatch/eventBus:EventBus": EventBus(),
    "aws:cloudwatch/eventRule:EventRule": EventRule(),
    "aws:cloudwatch/eventTarget:EventTarget": EventTarget(),
}
