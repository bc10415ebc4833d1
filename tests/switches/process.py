"""Runs the emulator with its switches."""

import asyncio
import json
import os
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE.parents[1]))

from ministack.services import apigateway, cloudwatch, dynamodb, lambda_svc  # noqa: E402

from local import emulator_process  # noqa: E402
from tests.switches.runtime.switches import FILE, switch  # noqa: E402

_MAX_FRAME, _MAX_POST = 32 * 1024, 128 * 1024
_TOO_LARGE = 1009
_FOR_EVER = 24 * 60 * 60


def _lag_indexes() -> None:
    """Have queries of an index see the table as it was."""
    emit, query = dynamodb._emit_stream_event, dynamodb._query
    changes: deque[tuple[float, str, Any, Any]] = deque(maxlen=10_000)

    def note(name: str, event: str, old: Any, new: Any, *rest: Any, **named: Any) -> None:
        changes.append((time.monotonic(), name, old, new))
        emit(name, event, old, new, *rest, **named)

    def with_lag(data: dict[str, Any]) -> Any:
        lag, name = switch("index_lag_s", 0), dynamodb._normalize_table_name(data.get("TableName"))
        table = dynamodb._tables.get(name)
        if not (lag and table and data.get("IndexName")):
            return query(data)
        items = {key: dict(rows) for key, rows in table["items"].items()}
        for at, of_table, old, new in reversed(changes):
            if at < time.monotonic() - lag:
                break
            if of_table == name:
                hash_key, sort_key = _keys(table, new or old)
                if old is None:
                    items[hash_key].pop(sort_key)
                else:
                    items.setdefault(hash_key, {})[sort_key] = old
        past = {key: value for key, value in table.items() if key != dynamodb._INDEX_MEMBERS} | {"items": items}
        dynamodb._tables[name] = past
        try:
            return query(data)
        finally:
            dynamodb._tables[name] = table

    dynamodb._emit_stream_event, dynamodb._query = note, with_lag


def _keys(table: dict[str, Any], item: Any) -> tuple[Any, Any]:
    def of(key: str) -> Any:
        return dynamodb._extract_key_val(item.get(key))

    return of(table["pk_name"]), of(table["sk_name"]) if table["sk_name"] else "__no_sort__"


def _delay_and_repeat_streams() -> None:
    """Have batches of a stream come late and several times."""
    since, execute = dynamodb.stream_records_since, lambda_svc._execute_function

    def late(*position: Any, **of: Any) -> list[dict[str, Any]]:
        until = time.time() - switch("stream_delay_s", 0)
        records: list[dict[str, Any]] = since(*position, **of)
        due = [record["dynamodb"]["ApproximateCreationDateTime"] <= until for record in records]
        return records[: due.index(False)] if False in due else records

    def several_times(function: Any, event: Any, *rest: Any, **named: Any) -> Any:
        records = event.get("Records") if isinstance(event, dict) else None
        if records and records[0].get("eventSource") == "aws:dynamodb":
            for _ in range(switch("stream_deliveries", 1) - 1):
                execute(function, event, *rest, **named)
        return execute(function, event, *rest, **named)

    dynamodb.stream_records_since, lambda_svc._execute_function = late, several_times


def _limit_posts() -> None:
    """Have posts throttled, hang, or refused for their size."""
    serve = apigateway.handle_connections_api
    posts: deque[float] = deque()

    async def with_limits(
        method: str, api: str, stage: str, connection: str, body: bytes, headers: dict[str, str]
    ) -> Any:
        if method == "POST":
            if connection in switch("hanging", []):
                await asyncio.sleep(_FOR_EVER)
            if switch("frame_limit", off=False) and len(body) > _MAX_POST:
                return _error(413, "PayloadTooLargeException")
            if most := switch("posts_per_second", 0):
                now = time.monotonic()
                while posts and posts[0] < now - 1:
                    posts.popleft()
                if len(posts) >= most:
                    return _error(429, "LimitExceededException")
                posts.append(now)
        return await serve(method, api, stage, connection, body, headers)

    apigateway.handle_connections_api = with_limits


def _error(status: int, name: str) -> tuple[int, dict[str, str], bytes]:
    return (
        status,
        {"Content-Type": "application/json", "x-amzn-ErrorType": name},
        json.dumps({"message": name}).encode(),
    )


def _limit_frames() -> None:
    """Have a frame that is too large end its connection."""
    serve = apigateway.handle_websocket

    async def with_limit(scope: Any, receive: Any, send: Any, *rest: Any, **named: Any) -> None:
        ended = False

        async def receive_frame() -> Any:
            nonlocal ended
            event = await receive()
            frame = event.get("bytes") or (event.get("text") or "").encode()
            if switch("frame_limit", off=False) and len(frame) > _MAX_FRAME:
                ended = True
                return {"type": "websocket.disconnect", "code": _TOO_LARGE}
            return event

        async def send_event(event: Any) -> None:
            await send(event | {"code": _TOO_LARGE} if ended and event["type"] == "websocket.close" else event)

        await serve(scope, receive_frame, send_event, *rest, **named)

    apigateway.handle_websocket = with_limit


def _slow_tables_down() -> None:
    serve = dynamodb.handle_request

    async def slowly(*request: Any) -> Any:
        await asyncio.sleep(switch("tables_ms", 0) / 1000)
        return await serve(*request)

    dynamodb.handle_request = slowly


def _put_the_clock_of_the_gateway_ahead() -> None:
    context = apigateway._ws_request_context

    def ahead(*values: Any) -> dict[str, Any]:
        made: dict[str, Any] = context(*values)
        by_ms = int(switch("gateway_clock_s", 0) * 1000)
        return made | {name: made[name] + by_ms for name in ("connectedAt", "requestTimeEpoch")}

    apigateway._ws_request_context = ahead


def _evaluate_alarms_exactly() -> None:
    """Have alarms see what AWS lets them see. The emulator looks at all data of a metric's name at once."""
    evaluate = cloudwatch._evaluate_alarm

    def exactly(alarm: dict[str, Any]) -> None:
        if not switch("exact_alarms", off=False):
            evaluate(alarm)
            return
        values = [_value(alarm, number) for number in range(alarm["EvaluationPeriods"])]
        missing = alarm["TreatMissingData"]
        high = [missing == "breaching" if value is None else value >= alarm["Threshold"] for value in values]
        if missing == "missing" and set(values) == {None}:
            state = "INSUFFICIENT_DATA"
        else:
            state = "ALARM" if sum(high) >= alarm.get("DatapointsToAlarm", len(high)) else "OK"
        old, alarm["StateValue"] = alarm["StateValue"], state
        if old != state:
            cloudwatch._dispatch_alarm_actions(alarm, old, state, f"Datapoints: {values}")

    cloudwatch._evaluate_alarm = exactly


def _value(alarm: dict[str, Any], periods_ago: int) -> float | None:
    dimensions = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
    end = time.time() - periods_ago * alarm["Period"]
    points = [
        point
        for (namespace, name, _), of_metric in cloudwatch._metrics.items()
        if (namespace, name) == (alarm["Namespace"], alarm["MetricName"])
        for point in of_metric
        if point["Dimensions"] == dimensions and end - alarm["Period"] < point["Timestamp"] <= end
    ]
    statistic = alarm["ExtendedStatistic"] or alarm["Statistic"]
    return cloudwatch._stat_value(cloudwatch._calc_stats(points), statistic, points) if points else None


if __name__ == "__main__":
    directory = sys.argv.pop()
    os.environ[FILE] = str(Path(directory, "switches.json"))
    os.environ["PYTHONPATH"] = str(_HERE / "runtime")
    for change in (
        *(_lag_indexes, _delay_and_repeat_streams, _limit_posts, _limit_frames),
        *(_slow_tables_down, _put_the_clock_of_the_gateway_ahead, _evaluate_alarms_exactly),
    ):
        change()
    emulator_process.run(directory)
