"""SQS: queues."""

import json

from local.emulator import Emulator

from .inputs import Inputs, Properties
from .resource import Resource, retag

_ATTRIBUTES = {
    "MessageRetentionPeriod": "messageRetentionSeconds",
    "SqsManagedSseEnabled": "sqsManagedSseEnabled",
    "KmsMasterKeyId": "kmsMasterKeyId",
    "VisibilityTimeout": "visibilityTimeoutSeconds",
    "RedrivePolicy": "redrivePolicy",
}


class Queue(Resource):
    """A queue. Its URL is its id."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        created = emulator.client("sqs").create_queue(
            QueueName=inputs.take("name"),
            Attributes=_texts(inputs.taken(_ATTRIBUTES)),
            tags=inputs.take("tags") or {},
        )
        return str(created["QueueUrl"])

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        queues = emulator.client("sqs")
        try:
            found = queues.get_queue_attributes(QueueUrl=resource_id, AttributeNames=["All"])["Attributes"]
        except queues.exceptions.QueueDoesNotExist:
            return None
        return {
            "name": resource_id.rpartition("/")[2],
            "arn": found["QueueArn"],
            "url": resource_id,
            "messageRetentionSeconds": int(found["MessageRetentionPeriod"]),
            "sqsManagedSseEnabled": found.get("SqsManagedSseEnabled") == "true",
            "kmsMasterKeyId": found.get("KmsMasterKeyId") or None,
            "visibilityTimeoutSeconds": int(found["VisibilityTimeout"]),
            "redrivePolicy": found.get("RedrivePolicy"),
            "tags": queues.list_queue_tags(QueueUrl=resource_id).get("Tags", {}),
        }

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        queues = emulator.client("sqs")
        retag(
            changed,
            lambda: queues.list_queue_tags(QueueUrl=resource_id).get("Tags", {}),
            lambda new: queues.tag_queue(QueueUrl=resource_id, Tags=new),
            lambda gone: queues.untag_queue(QueueUrl=resource_id, TagKeys=gone),
        )
        # An empty text takes a value away.
        values = {api: changed.take(name) for api, name in _ATTRIBUTES.items() if name in changed}
        if values:
            queues.set_queue_attributes(
                QueueUrl=resource_id,
                Attributes=_texts({api: "" if value is None else value for api, value in values.items()}),
            )

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("sqs").delete_queue(QueueUrl=resource_id)


def _texts(attributes: Properties) -> dict[str, str]:
    return {name: json.dumps(value) if isinstance(value, bool) else str(value) for name, value in attributes.items()}


TYPES: dict[str, Resource] = {"aws:sqs/queue:Queue": Queue()}
