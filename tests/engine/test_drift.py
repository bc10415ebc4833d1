"""What somebody changed by hand is found by a refresh, and put right by the next up."""

from collections.abc import Callable

from local.emulator import Emulator

from .world import Stack


def _memory(emulator: Emulator) -> None:
    emulator.client("lambda").update_function_configuration(FunctionName="WebSocketConnect", MemorySize=1024)


def _retention(emulator: Emulator) -> None:
    emulator.client("logs").delete_retention_policy(logGroupName="/aws/lambda/WebSocketConnect")


def _concurrency(emulator: Emulator) -> None:
    emulator.client("lambda").put_function_concurrency(FunctionName="WebSocketConnect", ReservedConcurrentExecutions=1)


def _table_tags(emulator: Emulator) -> None:
    tables = emulator.client("dynamodb")
    arn = tables.describe_table(TableName="WebSocketConnections")["Table"]["TableArn"]
    tables.tag_resource(ResourceArn=arn, Tags=[{"Key": "Team", "Value": "other"}])


def _throttling(emulator: Emulator) -> None:
    apis = emulator.client("apigatewayv2")
    (api,) = apis.get_apis()["Items"]
    settings = {"ThrottlingRateLimit": 1, "ThrottlingBurstLimit": 1}
    apis.update_stage(ApiId=api["ApiId"], StageName="production", DefaultRouteSettings=settings)


CHANGED: dict[str, tuple[Callable[[Emulator], None], str]] = {
    "a function's memory": (_memory, "connect-function"),
    "a log group's retention": (_retention, "connect-logs"),
    "a function's concurrency": (_concurrency, "connect-function"),
    "a stage's throttling": (_throttling, "stage"),
    "a table's tags": (_table_tags, "connections"),
}


def test_what_was_changed_by_hand_is_changed_back(stack: Stack) -> None:
    stack.up()
    for change, _ in CHANGED.values():
        change(stack.emulator)
    assert stack.up().operations == ()  # The state does not know yet.
    stack.refresh()
    assert set(stack.up().names("update")) == {name for _, name in CHANGED.values()}
    assert stack.refresh("--expect-no-changes").operations == ()


def test_what_was_deleted_by_hand_is_made_again(stack: Stack) -> None:
    stack.up()
    stack.emulator.client("lambda").delete_function(FunctionName="WebSocketDefault")
    stack.emulator.client("logs").delete_log_group(logGroupName="/aws/lambda/WebSocketConnect")
    stack.refresh()
    run = stack.up()
    assert set(run.names("create")) >= {"default-function", "connect-logs"}
    assert stack.up().operations == ()
