"""CloudWatch: alarms and dashboards."""

from typing import Any

from botocore.exceptions import ClientError

from local.emulator import Emulator

from .inputs import Inputs, Properties, named
from .resource import Resource, retag, tag_list, tag_map

_ALARM = {
    "AlarmDescription": "alarmDescription",
    "Namespace": "namespace",
    "MetricName": "metricName",
    "Statistic": "statistic",
    "ExtendedStatistic": "extendedStatistic",
    "Period": "period",
    "EvaluationPeriods": "evaluationPeriods",
    "DatapointsToAlarm": "datapointsToAlarm",
    "Threshold": "threshold",
    "ComparisonOperator": "comparisonOperator",
    "TreatMissingData": "treatMissingData",
    "AlarmActions": "alarmActions",
    "OKActions": "okActions",
}


class MetricAlarm(Resource):
    """An alarm. Its name is its id."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        name = str(inputs.take("name"))
        _put(emulator, name, inputs, Tags=tag_list(inputs.take("tags")))
        return name

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        alarms = emulator.client("cloudwatch")
        found = alarms.describe_alarms(AlarmNames=[resource_id])["MetricAlarms"]
        if not found:
            return None
        alarm: dict[str, Any] = found[0]
        if alarm.get("ExtendedStatistic"):
            del alarm["Statistic"]  # The emulator also names a statistic that it does not use.
        arn = alarm["AlarmArn"]
        return named(alarm, _ALARM) | {
            "name": resource_id,
            "arn": arn,
            "dimensions": {one["Name"]: one["Value"] for one in alarm.get("Dimensions", [])},
            "tags": tag_map(alarms.list_tags_for_resource(ResourceARN=arn)["Tags"]),
        }

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        alarms = emulator.client("cloudwatch")
        arn = known["arn"]
        retag(
            changed,
            lambda: tag_map(alarms.list_tags_for_resource(ResourceARN=arn)["Tags"]),
            lambda new: alarms.tag_resource(ResourceARN=arn, Tags=tag_list(new)),
            lambda gone: alarms.untag_resource(ResourceARN=arn, TagKeys=gone),
        )
        for name in ("dimensions", *_ALARM.values()):
            changed.take(name)
        # CloudWatch has no other change than to put the whole alarm again.
        _put(emulator, resource_id, Inputs(resource_id, known))

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("cloudwatch").delete_alarms(AlarmNames=[resource_id])


def _put(emulator: Emulator, name: str, inputs: Inputs, **more: object) -> None:
    dimensions: dict[str, str] = inputs.take("dimensions") or {}
    emulator.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        **inputs.taken(_ALARM),
        **more,
    )


class Dashboard(Resource):
    """A dashboard. Its name is its id. Dashboards have no region."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        name = str(inputs.take("dashboardName"))
        emulator.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=inputs.take("dashboardBody"))
        return name

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        try:
            found = emulator.client("cloudwatch").get_dashboard(DashboardName=resource_id)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFound":
                return None
            raise
        names = {"DashboardName": "dashboardName", "DashboardBody": "dashboardBody", "DashboardArn": "dashboardArn"}
        return named(found, names)

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        body = changed.take("dashboardBody")
        emulator.client("cloudwatch").put_dashboard(DashboardName=resource_id, DashboardBody=body)

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("cloudwatch").delete_dashboards(DashboardNames=[resource_id])


TYPES: dict[str, Resource] = {
    "aws:cloudwatch/dashboard:Dashboard": Dashboard(),
    "aws:cloudwatch/metricAlarm:MetricAlarm": MetricAlarm(),
}
