"""CloudWatch Logs: log groups, and the filters that make metrics of their lines."""

from local.emulator import Emulator

from .inputs import Inputs, Properties, named, only
from .resource import Resource, retag

_TRANSFORMATION = {
    "metricName": "name",
    "metricNamespace": "namespace",
    "metricValue": "value",
    "dimensions": "dimensions",
}


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


class MetricFilter(Resource):
    """A metric filter of a log group. Its name is its id."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        name = str(inputs.take("name"))
        _put(emulator, name, inputs)
        return name

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        group, _, name = resource_id.rpartition(":")
        group = group or known["logGroupName"]
        logs = emulator.client("logs")
        try:
            filters = logs.describe_metric_filters(logGroupName=group, filterNamePrefix=name)["metricFilters"]
        except logs.exceptions.ResourceNotFoundException:
            return None
        for found in filters:
            if found["filterName"] == name:
                return {
                    "id": name,
                    "name": name,
                    "logGroupName": group,
                    "pattern": found["filterPattern"],
                    "metricTransformation": named(found["metricTransformations"][0], _TRANSFORMATION),
                }
        return None

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        for name in ("pattern", "metricTransformation"):
            changed.take(name)
        _put(emulator, resource_id, Inputs(resource_id, known))

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("logs").delete_metric_filter(logGroupName=known["logGroupName"], filterName=resource_id)


def _put(emulator: Emulator, name: str, inputs: Inputs) -> None:
    emulator.client("logs").put_metric_filter(
        logGroupName=inputs.take("logGroupName"),
        filterName=name,
        filterPattern=inputs.take("pattern"),
        metricTransformations=[only(inputs.part("metricTransformation"), _TRANSFORMATION)],
    )


TYPES: dict[str, Resource] = {
    "aws:cloudwatch/logGroup:LogGroup": LogGroup(),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": MetricFilter(),
}
