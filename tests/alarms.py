"""What each alarm must watch, written down apart from the component, from the documentation of AWS.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What an alarm watches.

    Attributes:
        namespace: Of the metric.
        metric: Its name.
        dimensions: All of its dimensions.
        statistic: How a period's data count.
        threshold: The lowest value that sets it off.
        period: Seconds.
        periods: How many of them it looks at.
        too_high: In how many of these the value must be too high.
    """

    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    threshold: float
    period: int = 300
    periods: int = 1
    too_high: int = 1


def watched(
    functions: Mapping[str, str], *, prefix: str, queue: str, api: str, stage: str, rate: int
) -> dict[str, Watched]:
    """What the alarms of a chat watch, by their names within the component.

    Args:
        functions: The names of the functions in AWS, by their names within the component.
        prefix: The chat's ``namePrefix``.
        queue: The name of the failures queue.
        api: The id of the API.
        stage: The name of the stage.
        rate: The account's limit of requests per second.
    """
    found = {}
    for child, name in functions.items():
        own = {"FunctionName": name}
        for what, metric, threshold in (("errors", "Errors", 3), ("throttles", "Throttles", 1)):
            found[f"{child}-{what}"] = Watched(
                namespace="AWS/Lambda", metric=metric, dimensions=own, statistic="Sum", threshold=threshold
            )
        if child == "send-message":
            found[f"{child}-duration"] = Watched(
                namespace="AWS/Lambda",
                metric="Duration",
                dimensions=own,
                statistic="p99",
                threshold=4_000,
                periods=3,
                too_high=2,
            )
        if child == "presence-events":
            found[f"{child}-age"] = Watched(
                namespace="AWS/Lambda",
                metric="IteratorAge",
                dimensions=own,
                statistic="Maximum",
                threshold=60_000,
                period=60,
                periods=3,
                too_high=3,
            )
    of_api = {"ApiId": api, "Stage": stage}
    return found | {
        "failures": Watched(
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": queue},
            statistic="Maximum",
            threshold=1,
        ),
        "failed-deliveries": Watched(
            namespace=f"websocket-chat/{prefix}", metric="failed", dimensions={}, statistic="Sum", threshold=20
        ),
        "integration-errors": Watched(
            namespace="AWS/ApiGateway", metric="IntegrationError", dimensions=of_api, statistic="Sum", threshold=20
        ),
        "requests": Watched(
            namespace="AWS/ApiGateway",
            metric="MessageCount",
            dimensions=of_api,
            statistic="Sum",
            threshold=0.8 * rate * 60,
            period=60,
            periods=2,
            too_high=2,
        ),
    }
