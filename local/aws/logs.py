"""CloudWatch Logs: log groups."""

from local.emulator import Emulator

from .inputs import Inputs, Properties, named
from .resource import Resource, retag


class LogGroup(Resource):
    """A log group."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        logs = emulator.client("logs")
        name = str(inputs.take("name"))
        logs.create_log_group(
            logGroupName=name, tags=inputs.take("tags") or {}, **inputs.taken({"kmsKeyId": "kmsKeyId"})
        )
        self._set_retention(emulator, name, inputs)
        return name

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        groups = emulator.client("logs").describe_log_groups(logGroupNamePrefix=resource_id)["logGroups"]
        for group in groups:
            if group["logGroupName"] == resource_id:
                arn = group["arn"].removesuffix(":*")
                return named(group, {"logGroupName": "name", "kmsKeyId": "kmsKeyId"}) | {
                    "arn": arn,
                    "retentionInDays": group.get("retentionInDays", 0),
                    "tags": emulator.client("logs").list_tags_for_resource(resourceArn=arn)["tags"],
                }
        return None

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        logs = emulator.client("logs")
        arn = known["arn"]
        retag(
            changed,
            lambda: logs.list_tags_for_resource(resourceArn=arn)["tags"],
            lambda new: logs.tag_resource(resourceArn=arn, tags=new),
            lambda gone: logs.untag_resource(resourceArn=arn, tagKeys=gone),
        )
        if "retentionInDays" in changed:
            self._set_retention(emulator, resource_id, changed)
        if "kmsKeyId" in changed:
            if key := changed.take("kmsKeyId"):
                logs.associate_kms_key(logGroupName=resource_id, kmsKeyId=key)
            else:
                logs.disassociate_kms_key(logGroupName=resource_id)

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("logs").delete_log_group(logGroupName=resource_id)

    @staticmethod
    def _set_retention(emulator: Emulator, name: str, inputs: Inputs) -> None:
        if days := inputs.take("retentionInDays"):
            emulator.client("logs").put_retention_policy(logGroupName=name, retentionInDays=days)
        else:  # 0 keeps the logs forever.
            emulator.client("logs").delete_retention_policy(logGroupName=name)


TYPES: dict[str, Resource] = {"aws:cloudwatch/logGroup:LogGroup": LogGroup()}
