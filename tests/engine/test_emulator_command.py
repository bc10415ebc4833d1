"""``make emulator``: what it prints is all that the Pulumi CLI and the AWS SDK need."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from tests.clients import ChatClient
from tests.rows import put_row

from .chatting import Chatting
from .world import PROJECT, Stack


@contextmanager
def emulator_command(*arguments: str) -> Iterator[dict[str, str]]:
    """Run the command. Yields the variables that it prints."""
    with subprocess.Popen(
        [sys.executable, "-m", "local.aws", *arguments], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout
        try:
            shown = ""
            while "Ctrl-C" not in shown:
                line = command.stdout.readline()
                assert line, shown
                shown += line
            printed = dict(re.findall(r"^  export (\w+)=(\S+)$", shown, re.MULTILINE))
            assert printed.keys() > {"PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_DEBUG_PROVIDERS"}
            yield printed
        finally:
            command.send_signal(signal.SIGINT)
            said, _ = command.communicate(timeout=30)
    assert said == "Stopped. The stacks that you made in it are gone.\n"
    assert command.returncode == 0


def _client(printed: dict[str, str], service: str) -> Any:
    session = boto3.Session(printed["AWS_ACCESS_KEY_ID"], printed["AWS_SECRET_ACCESS_KEY"])
    client: Any = session.client
    return client(service, printed["AWS_DEFAULT_REGION"], endpoint_url=printed["AWS_ENDPOINT_URL"])


def test_the_cli_deploys_with_what_is_printed(stack: Stack) -> None:
    with emulator_command() as printed:
        stack.environment |= printed
        stack.pulumi("stack", "init", "mine")  # Pulumi.dev.yaml has a salt for another passphrase
        stack.up()
        with Chatting(stack.outputs()["WebSocketURL"]):
            pass
    assert stack.provider.operations == []


def test_an_example_is_deployed_used_and_destroyed_in_an_empty_account(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack(program=PROJECT / "examples" / "offline_push")
    with emulator_command("--empty") as printed:
        stack.environment |= printed
        stack.pulumi("stack", "init", "mine")
        stack.preview()
        stack.up()
        clients = [_client(printed, service) for service in ("dynamodb", "logs", "lambda", "events")]
        dynamodb, logs, functions, events = clients
        for user in ("alice", "bob"):
            put_row(dynamodb, "GroupMembers", {"memberId": user, "userId": user, "groupId": "demo"})
        with ChatClient(stack.outputs()["WebSocketURL"], "alice", "demo", protocol=2) as alice:
            alice.say("Hello", clientMessageId="c1")
            wanted = f"notify bob of {alice.receive('ack')['messageId']} in demo"
        lines: list[str] = []
        deadline = time.monotonic() + 30
        while wanted not in lines:
            assert time.monotonic() < deadline, lines
            time.sleep(0.2)
            if logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/offline-push")["logGroups"]:
                found = logs.filter_log_events(logGroupName="/aws/lambda/offline-push")["events"]
                lines = [event["message"] for event in found]

        stack.refresh("--expect-no-changes")
        stack.pulumi("up", "--skip-preview", "--expect-no-changes")
        stack.destroy()
        assert functions.list_functions()["Functions"] == []
        assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default"]
        assert dynamodb.list_tables()["TableNames"] == ["ChatMessages"]  # It stays, with the messages.
