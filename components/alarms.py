"""Alarms: what is watched, from which value on, what it means, and what to do first.

Each alarm watches a metric that AWS sends by itself, except that of failed deliveries. Where there is nothing to count,
AWS sends no data, so missing data is good.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from .functions import ALL, PRESENCE, SEND_MESSAGE
from .metric_filters import FAILED, namespace
from .part import Part

_MORE = " docs/operations.md says more under Alarms."
"""The end of each text."""
_MINUTE = 60
_FIVE_MINUTES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What an alarm watches, and when it goes off.

    Attributes:
        metric: Name of the metric.
        namespace: Namespace of the metric. Empty: the chat's own, for metrics of its logs.
        statistic: How the data of a period become one value. ``p99`` is a percentile.
        threshold: The lowest value that is too high, in the metric's unit.
        period: Seconds of a period.
        periods: How many periods, back from now, the alarm looks at.
        too_high: In how many of these the value must be too high.
        text: What the alarm means, and the first step. ``{function}`` is the function's name. AWS allows 1,024
            characters: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """

    metric: str
    namespace: str
    statistic: str
    threshold: int
    period: int = _FIVE_MINUTES
    periods: int = 1
    too_high: int = 1
    text: str


# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html has the metrics of functions.
ERRORS = Watch(
    metric="Errors",
    namespace="AWS/Lambda",
    statistic="Sum",
    threshold=3,
    text="{function} crashed, ran out of memory or reached its timeout at least 3 times in 5 minutes. Refused frames "
    "do not count. First step: in its log group, read the lines of level ERROR, and those with Task timed out.",
)
"""A single crash heals: clients repeat what got no answer, and Lambda repeats a slice twice. Three are the attempts of
one slice that fails every time."""
THROTTLES = Watch(
    metric="Throttles",
    namespace="AWS/Lambda",
    statistic="Sum",
    threshold=1,
    text="Lambda refused to run {function}, because it has reached its reservedConcurrency, or the account its limit "
    "of concurrent runs. Clients wait and repeat. First step: in CloudWatch, compare ConcurrentExecutions with the "
    "limit. Raise the limit under Service Quotas, or reservedConcurrency.",
)
"""It does not happen by chance: a limit is reached."""
STREAM_AGE = Watch(
    metric="IteratorAge",
    namespace="AWS/Lambda",
    statistic="Maximum",
    threshold=60_000,
    period=_MINUTE,
    periods=3,
    too_high=3,
    text="{function} is more than a minute behind the stream of the connections table. People learn late who joins and "
    "leaves. What is 5 minutes old is dropped. First step: look at the alarms for its errors and throttles, then read "
    "its log.",
)
"""Milliseconds. The mapping waits 5 seconds for a batch and drops records that are 5 minutes old. A minute leaves time
to act. Three minutes in a row, because a single retry takes time, too."""
SEND_DURATION = Watch(
    metric="Duration",
    namespace="AWS/Lambda",
    statistic="p99",
    threshold=4_000,
    periods=3,
    too_high=2,
    text="One message in a hundred took {function} 4 seconds or longer. Clients repeat a message after 8 seconds "
    "without an answer. First step: look at the alarms for throttles and failed deliveries. Then compare durationMs "
    "with recipients in its log. A higher memorySize makes it faster.",
)
"""Milliseconds. Less than the shortest timeout (5 seconds), and half of the time after which clients repeat a message.
With few messages, the slowest of them counts, so one period alone is not enough."""
FAILURES = Watch(
    metric="ApproximateNumberOfMessagesVisible",
    namespace="AWS/SQS",
    statistic="Maximum",
    threshold=1,
    text="The failures queue has messages. Each is a part of a large group that a message has not reached, a change of "
    "presence that was not announced, or an event that the bus did not take, all after the last retry. First step: "
    "read a message (aws sqs receive-message), then the log of the function that it was for.",
)
"""Normally the queue is empty.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"""
FAILED_DELIVERIES = Watch(
    metric=FAILED.name,
    namespace="",
    statistic="Sum",
    threshold=20,
    text="At least 20 deliveries of messages failed in 5 minutes, after all retries. The recipients see the messages "
    "only when their clients catch up. First step: in the log of the function that sends messages, look for posts "
    "failed. 403 means that the role or the callback URL is wrong, 429 that the account is at its limit of requests. "
    "Timeouts are slow clients.",
)
"""Some fail every day: phones that lose their network in the middle of a message. A wrong role fails them all, so even
a small group comes to 20 soon."""
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html
INTEGRATION_ERRORS = Watch(
    metric="IntegrationError",
    namespace="AWS/ApiGateway",
    statistic="Sum",
    threshold=20,
    text="At least 20 requests in 5 minutes were answered with an error. Refused handshakes count, refused frames do "
    "not. First step: in the logs of the functions, look at outcome and reason. UNAVAILABLE and INTERNAL are "
    "faults, and their lines say in which call. Others are clients that may not connect.",
)
"""A client that may not connect tries again and again, so a few are normal. A table that fails fails every request."""
REQUESTS = Watch(
    metric="MessageCount",
    namespace="AWS/ApiGateway",
    statistic="Sum",
    threshold=8 * _MINUTE // 10,  # of a single request per second
    period=_MINUTE,
    periods=2,
    too_high=2,
    text="For 2 minutes, this API has taken 80% of accountRequestRate, or more. Above the limit, AWS answers 429 and "
    "messages come late. Other APIs of the account share the limit in this region, and this alarm does not see them. "
    "First step: under Service Quotas, look at API Gateway's throttle rate, and ask AWS to raise it. Large groups "
    "cost most: one request for each member.",
)
"""Frames in both directions, posts to connections included. For each request per second that the account may make. At
80% there is time to ask AWS. One minute alone may be a single message to a very large group."""


class Alarms(Part):
    """The alarms, if the settings name a topic."""

    def alarms(
        self,
        *,
        functions: Mapping[str, aws.lambda_.Function],
        failures: aws.sqs.Queue,
        api: aws.apigatewayv2.Api,
        stage_name: pulumi.Input[str],
    ) -> dict[str, aws.cloudwatch.MetricAlarm]:
        """Make the alarms. They come after what they watch."""
        if not self.settings.alarms:
            return {}
        of_api: dict[str, pulumi.Input[str]] = {"ApiId": api.id, "Stage": stage_name}
        made = dict(self._of_functions(functions))
        made["failures"] = self._alarm("failures", FAILURES, {"QueueName": failures.name})
        made["failed-deliveries"] = self._alarm("failed-deliveries", FAILED_DELIVERIES, None)
        made["integration-errors"] = self._alarm("integration-errors", INTEGRATION_ERRORS, of_api)
        rate = pulumi.Output.from_input(self.settings.account_request_rate)
        threshold = rate.apply(lambda requests: requests * REQUESTS.threshold)
        made["requests"] = self._alarm("requests", REQUESTS, of_api, threshold=threshold)
        return made

    def _of_functions(
        self, functions: Mapping[str, aws.lambda_.Function]
    ) -> Iterator[tuple[str, aws.cloudwatch.MetricAlarm]]:
        for config in ALL:
            if config.key not in functions:
                continue
            watches = {"errors": ERRORS, "throttles": THROTTLES}
            watches |= {"duration": SEND_DURATION} if config is SEND_MESSAGE else {}
            watches |= {"age": STREAM_AGE} if config is PRESENCE else {}
            function = functions[config.key].name
            for what, watch in watches.items():
                name = f"{config.child}-{what}"
                text: pulumi.Output[str] = pulumi.Output.format(watch.text, function=function)
                yield name, self._alarm(name, watch, {"FunctionName": function}, text=text)

    def _alarm(
        self,
        name: str,
        watch: Watch,
        dimensions: dict[str, pulumi.Input[str]] | None,
        *,
        text: pulumi.Input[str] | None = None,
        threshold: pulumi.Input[float] | None = None,
    ) -> aws.cloudwatch.MetricAlarm:
        percentile = watch.statistic.startswith("p")
        args = aws.cloudwatch.MetricAlarmArgs(
            alarm_description=pulumi.Output.concat(text or watch.text, _MORE),
            namespace=watch.namespace or namespace(self.settings.name_prefix),
            metric_name=watch.metric,
            dimensions=dimensions,
            statistic=None if percentile else watch.statistic,
            extended_statistic=watch.statistic if percentile else None,
            period=watch.period,
            evaluation_periods=watch.periods,
            datapoints_to_alarm=watch.too_high,
            threshold=threshold or watch.threshold,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[self.settings.alarms],
            # A second mail says that it is over.
            ok_actions=[self.settings.alarms],
            tags=self.settings.tags,
        )
        opts = pulumi.ResourceOptions(protect=False)
        return self.children.make(aws.cloudwatch.MetricAlarm, "alarm", f"{name}-alarm", args, opts)
