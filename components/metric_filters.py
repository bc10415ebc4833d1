"""Metrics that CloudWatch counts from the lines of the functions' logs. The functions themselves send none.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from .functions import AUTHORIZER, BROADCAST, PUBLISH, ROUTES, SEND_MESSAGE, FunctionConfig
from .part import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMetric:
    """A metric, and the lines that it counts.

    Attributes:
        name: Its name in CloudWatch, and the end of the names of its filters within the component.
        pattern: Which lines count. It compares fields of a JSON line. A line without the field does not match.
        value: What each line adds: a number, or a field that the pattern names.
        functions: The functions whose lines count.
        code: The field that becomes the dimension ``code``, if there is one. Each of its values is a metric and has a
            price, so it must have few.
    """

    name: str
    pattern: str
    value: str
    functions: tuple[FunctionConfig, ...]
    code: str | None = None


def _tally(field: str) -> LogMetric:
    """Count a field of the lines about messages. Broadcast serves the slices of a large group."""
    return LogMetric(
        name=field,
        pattern=f'{{ $.message = "served" && $.{field} > 0 }}',
        value=f"$.{field}",
        functions=(SEND_MESSAGE, BROADCAST, PUBLISH),
    )


MESSAGES = LogMetric(
    name="messages",
    pattern='{ $.message = "served" && $.duplicate IS FALSE }',
    value="1",
    functions=(SEND_MESSAGE,),
)
"""Messages of clients that were stored."""
PUBLISHED = LogMetric(
    name="messages",
    pattern='{ $.message = "served" && $.action = "sendMessage" && $.groups > 0 }',
    value="$.groups",
    functions=(PUBLISH,),
)
"""Messages of programs, once for each group."""
RECIPIENTS = _tally("recipients")
"""Connections that messages were for."""
DELIVERED = _tally("delivered")
"""Deliveries to them."""
STALE = _tally("stale")
"""Connections that were gone."""
FAILED = _tally("failed")
"""Deliveries that failed after all retries."""
REFUSED = LogMetric(
    name="refused",
    pattern='{ $.message = "served" && $.outcome != "OK" }',
    value="1",
    functions=(*ROUTES, AUTHORIZER, PUBLISH),
    code="$.outcome",
)
"""Frames, handshakes and calls that were not served, faults included, by their error code."""
OF_DASHBOARD = (MESSAGES, PUBLISHED, RECIPIENTS, DELIVERED, STALE, FAILED, REFUSED)


class MetricFilters(Part):
    """The filters that feed the metrics of the logs."""

    @property
    def needed(self) -> tuple[LogMetric, ...]:
        """The metrics that the settings need."""
        if self.settings.dashboard:
            return OF_DASHBOARD
        return (FAILED,) if self.settings.alarms else ()

    def metric_filters(
        self, log_groups: Mapping[str, aws.cloudwatch.LogGroup]
    ) -> dict[str, aws.cloudwatch.LogMetricFilter]:
        """Make a filter for each metric and log group. Those of one metric count together, as one metric.

        A metric costs something only in the hours in which a line matches.
        https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_MetricTransformation.html
        """
        return {
            (name := f"{function.child}-{metric.name}"): self.children.make(
                aws.cloudwatch.LogMetricFilter,
                "metric_filter",
                f"{name}-filter",
                aws.cloudwatch.LogMetricFilterArgs(
                    log_group_name=log_groups[function.key].name,
                    pattern=metric.pattern,
                    metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
                        name=metric.name,
                        namespace=namespace(self.settings.name_prefix),
                        value=metric.value,
                        dimensions={"code": metric.code} if metric.code else None,
                    ),
                ),
                pulumi.ResourceOptions(protect=False),
            )
            for metric in self.needed
            for function in metric.functions
            if function.key in log_groups
        }


def namespace(name_prefix: str) -> str:
    """Namespace of the metrics of a chat. Another chat of the account and region has another prefix."""
    return f"websocket-chat/{name_prefix}"
