"""``python -m local.example``, started as by a user."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable

import pytest

from local import example
from local.deploy import PROJECT_DIRECTORY
from tests.clients import ChatClient


def test_what_the_functions_of_an_example_print_is_shown() -> None:
    command = [sys.executable, "-m", "local.example", "offline_push"]
    with subprocess.Popen(command, cwd=PROJECT_DIRECTORY, stdout=subprocess.PIPE, text=True) as process:
        output = process.stdout
        assert output

        def read_until(found: Callable[[str], bool]) -> str:
            text = ""
            for line in output:
                text += line
                if found(line):
                    return text
            raise AssertionError(f"the program ended: {text}")

        try:
            shown = read_until(lambda line: line.startswith("Ctrl-C"))
            url, page = re.findall(r"^  [\w ]+(ws://\S+|http://\S+)$", shown, re.MULTILINE)
            with urllib.request.urlopen(page, timeout=10) as answer:  # noqa: S310 - always HTTP
                assert b"<title>" in answer.read()
            variables = dict(re.findall(r"^  export (\w+)=(\S+)$", shown, re.MULTILINE))
            # As in the README of the example: a person adds members with another program.
            for user in ("alice", "bob"):
                row = {"memberId": {"S": user}, "userId": {"S": user}, "groupId": {"S": "demo"}}
                add = f"boto3.client('dynamodb').put_item(TableName='GroupMembers', Item={row!r})"
                subprocess.run(
                    [sys.executable, "-c", f"import boto3; {add}"], env=os.environ | variables, timeout=60, check=True
                )
            with ChatClient(url, "alice", "demo", protocol=2) as alice:
                alice.say("Hello", clientMessageId="c1")
                notified = f"notify bob of {alice.receive('ack')['messageId']} in demo"
                logged = read_until(lambda line: line.strip() == notified)
            assert "RequestId" not in logged
        finally:
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=30)
    assert said.endswith("Stopped.\n")
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "NAME is missing. Name one: make example NAME=offline_push."),
        ("nope", "There is no example nope. Name one: make example NAME=offline_push."),
        ("cognito_kms", "cognito_kms does not run on this machine: the emulator has no user pools."),
    ],
)
def test_another_name_gets_one_line(name: str, said: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "local.example", name],
        cwd=PROJECT_DIRECTORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(said)
    assert ended.stderr.count("\n") == 1


def test_every_example_can_be_run_but_the_one_with_a_user_pool() -> None:
    folders = {folder.name for folder in (PROJECT_DIRECTORY / "examples").iterdir() if folder.is_dir()}
    assert folders - set(example.EXAMPLES) == {"cognito_kms"}
