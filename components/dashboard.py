"""The dashboard: what happens in the chat, and what it costs.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from .functions import ALL, ROUTES, SEND_MESSAGE
from .metric_filters import DELIVERED, FAILED, MESSAGES, RECIPIENTS, REFUSED, STALE, namespace
from .part import Part
from .shared import CONNECTIONS_BY_GROUP, CONNECTIONS_BY_USER, MARKERS_BY_GROUP, MESSAGES_BY_GROUP, Index

# Prices of us-east-1 in USD, as in the README: https://aws.amazon.com/api-gateway/pricing/,
# https://aws.amazon.com/lambda/pricing/ (arm64) and https://aws.amazon.com/dynamodb/pricing/on-demand/
FRAME = 1.00 / 1_000_000
INVOCATION = 0.20 / 1_000_000
GB_SECOND = 0.0000133334
READ_UNIT = 0.125 / 1_000_000
WRITE_UNIT = 0.625 / 1_000_000

_HEIGHT, _WIDTH, _COLUMNS = 6, 8, 3
_FIVE_MINUTES, _HOUR = 300, 3_600

Table = tuple[pulumi.Input[str], Sequence[Index]]
"""The name of a table, and its indexes that cost something."""
_Metric = list[Any]
_CONNECT, _DISCONNECT = ROUTES[:2]


class Dashboard(Part):
    """The dashboard, if the settings want it."""

    def dashboard(
        self,
        *,
        api: aws.apigatewayv2.Api,
        stage_name: pulumi.Input[str],
        functions: Mapping[str, aws.lambda_.Function],
        connections: pulumi.Input[str],
        messages: pulumi.Input[str],
        read_markers: aws.dynamodb.Table | None,
        changes: aws.dynamodb.Table | None,
    ) -> aws.cloudwatch.Dashboard | None:
        """Make the dashboard.

        Dashboards have no region, so its name has the region: two chats with one prefix would overwrite each other's.
        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-cw-dashboard.html
        """
        if not self.settings.dashboard:
            return None
        region = api.execution_arn.apply(lambda arn: arn.split(":")[3])
        of_api = ["AWS/ApiGateway", "ApiId", api.id, "Stage", stage_name]
        tables: list[Table] = [
            (connections, [CONNECTIONS_BY_GROUP, CONNECTIONS_BY_USER]),
            (messages, [MESSAGES_BY_GROUP]),
            *([(read_markers.name, [MARKERS_BY_GROUP])] if read_markers else []),
            *([(changes.name, [])] if changes else []),
        ]
        graphs = [
            _graph(
                "Connections",
                [
                    [*_named(of_api, "ConnectCount"), {"label": "handshakes"}],
                    _of_function("Invocations", functions[_DISCONNECT.key], label="ends"),
                ],
            ),
            _graph("Messages", [self._logged(MESSAGES.name)]),
            _graph("Recipients", [self._logged(one.name) for one in (RECIPIENTS, DELIVERED, STALE, FAILED)]),
            _graph("Not served, by error code", [[{"expression": self._by_code(REFUSED.name), "label": ""}]]),
            _graph(
                "Time to serve a message (ms)",
                [
                    _of_function("Duration", functions[SEND_MESSAGE.key], stat=stat, label=stat)
                    for stat in ("p50", "p99")
                ],
            ),
            _graph(
                "Cost of each hour (USD in us-east-1, without open connections, logs and storage)",
                self._costs(of_api, functions, tables),
                period=_HOUR,
                stacked=True,
            ),
        ]
        widgets = [
            {
                "type": "metric",
                "x": number % _COLUMNS * _WIDTH,
                "y": number // _COLUMNS * _HEIGHT,
                "width": _WIDTH,
                "height": _HEIGHT,
                "properties": graph | {"region": region},
            }
            for number, graph in enumerate(graphs)
        ]
        body: pulumi.Output[str] = pulumi.Output.json_dumps({"widgets": widgets})
        args = aws.cloudwatch.DashboardArgs(
            dashboard_name=pulumi.Output.concat(self.settings.name_prefix, "-", region), dashboard_body=body
        )
        opts = pulumi.ResourceOptions(protect=False)
        return self.children.make(aws.cloudwatch.Dashboard, "dashboard", "dashboard", args, opts)

    def _logged(self, name: str) -> _Metric:
        return [namespace(self.settings.name_prefix), name, {"label": name}]

    def _by_code(self, name: str) -> str:
        """Find the metrics of all codes that have occurred.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
        """
        own = namespace(self.settings.name_prefix)
        return f"""SEARCH('{{"{own}",code}} MetricName="{name}"', 'Sum', {_FIVE_MINUTES})"""

    def _costs(
        self, of_api: _Metric, functions: Mapping[str, aws.lambda_.Function], tables: Sequence[Table]
    ) -> list[_Metric]:
        """The costs, and the metrics that they are calculated from, which are not shown.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
        """
        hidden: list[_Metric] = [[*_named(of_api, "MessageCount"), {"id": "frames", "visible": False}]]
        for number, function in enumerate(functions[one.key] for one in ALL if one.key in functions):
            hidden += [
                _of_function("Invocations", function, id=f"invocations{number}", visible=False),
                _of_function("Duration", function, id=f"durations{number}", visible=False),
            ]
        for number, (table, indexes) in enumerate(tables):
            own = ["AWS/DynamoDB", "TableName", table]
            reads = [own, *([*own, "GlobalSecondaryIndexName", index.name] for index in indexes)]
            for of, dimensions in enumerate(reads):
                for what in ("Read", "Write"):
                    id_ = {"id": f"{what.lower()}s{number}_{of}", "visible": False}
                    hidden.append([*_named(dimensions, f"Consumed{what}CapacityUnits"), id_])
        memory = pulumi.Output.from_input(self.settings.memory_size)
        costs: dict[str, pulumi.Input[str]] = {
            "API Gateway": f"{_sum('frames')} * {FRAME:.10f}",
            "Lambda": memory.apply(
                lambda mb: (
                    f"{_sum('invocations')} * {INVOCATION:.10f} + {_sum('durations')} / 1000 * {mb} / 1024 * "
                    f"{GB_SECOND:.10f}"
                )
            ),
            "DynamoDB": f"{_sum('reads')} * {READ_UNIT:.10f} + {_sum('writes')} * {WRITE_UNIT:.10f}",
        }
        return [*([{"expression": cost, "label": label}] for label, cost in costs.items()), *hidden]


def _graph(title: str, metrics: list[_Metric], *, period: int = _FIVE_MINUTES, stacked: bool = False) -> dict[str, Any]:
    return {
        "title": title,
        "metrics": metrics,
        "stat": "Sum",
        "period": period,
        "view": "timeSeries",
        "stacked": stacked,
        "yAxis": {"left": {"min": 0}},
    }


def _named(dimensions: _Metric, name: str) -> _Metric:
    """Put the name of the metric between its namespace and its dimensions."""
    return [dimensions[0], name, *dimensions[1:]]


def _of_function(name: str, function: aws.lambda_.Function, **options: object) -> _Metric:
    return ["AWS/Lambda", name, "FunctionName", function.name, options]


def _sum(ids: str) -> str:
    """The sum of all metrics whose id contains a word. One without data counts as 0."""
    return f'SUM(FILL(METRICS("{ids}"), 0))'
