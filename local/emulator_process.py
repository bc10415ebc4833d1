"""Runs the emulator in this process until its standard input ends: when the parent process ends, no matter how."""

import json
import os
import shutil
import signal
import sys
import threading
import traceback
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from ministack.app import main
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.core.responses import json_response
from ministack.services import apigateway, cloudwatch_logs, dynamodb, lambda_svc

sys.path.append(str(Path(__file__).parent.parent))  # -P leaves it out. At the end, nothing here hides a package.

from local.emulator_state import State
from local.kept import UNUSABLE_STATE


def _end_with_input(directory: str, state: State | None) -> None:
    for line in sys.stdin:  # what is deployed
        if state:
            try:
                state.deployed(json.loads(line))
            except Exception:  # This thread must live to end the process.
                traceback.print_exc()
    if state:
        with suppress(Exception):
            state.save_changes()
    with suppress(Exception):
        lambda_runtime.reset()  # Ask the functions to end, so that a coverage measurement can write its result.
    shutil.rmtree(directory, ignore_errors=True)
    if sys.platform != "win32":
        os.killpg(0, signal.SIGKILL)  # End the functions' processes too. No state needs an orderly end.
    os.kill(os.getpid(), signal.SIGTERM)


def _compare_log_groups_as_aws_does() -> None:
    """Have policies name log groups with an asterisk for their streams, as AWS wants it for all but tagging.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    """
    resource_arn = iam_actions.extract_resource_arn

    def as_aws_does(service: str, *request: Any) -> str:  # noqa: ANN401 - MiniStack's own
        arn: str = resource_arn(service, *request)
        return f"{arn}:*" if service == "logs" and ":log-group:" in arn else arn

    iam_actions.extract_resource_arn = as_aws_does


def _let_log_groups_change_their_key() -> None:
    """Let a log group get and lose a KMS key. MiniStack knows only the key with which a group is created.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_AssociateKmsKey.html
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DisassociateKmsKey.html
    """
    handle_request = cloudwatch_logs.handle_request

    async def with_keys(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:  # noqa: ANN401 - MiniStack's own
        _, _, action = headers.get("x-amz-target", "").rpartition(".")
        if action not in {"AssociateKmsKey", "DisassociateKmsKey"}:
            return await handle_request(method, path, headers, body, query)
        request = json.loads(body)
        cloudwatch_logs._log_groups[request["logGroupName"]]["kmsKeyId"] = request.get("kmsKeyId")  # noqa: SLF001 - MiniStack has no other way
        return json_response({})

    cloudwatch_logs.handle_request = with_keys


def _match_what_does_not_exist() -> None:
    """Have the filter of a stream match what shall not exist where the map around it does not exist either.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
    """
    match = lambda_svc._match_esm_filter  # noqa: SLF001 - MiniStack has no other way

    def as_aws_does(record: Any, pattern: Any) -> bool:  # noqa: ANN401 - MiniStack's own
        with_maps = {name: {} for name, inner in pattern.items() if isinstance(inner, dict)} | record
        return bool(match(with_maps, pattern))

    lambda_svc._match_esm_filter = as_aws_does  # noqa: SLF001 - the same


def _read_each_expression_once() -> None:
    """Remember how an expression of DynamoDB is parsed. MiniStack parses it again for every row of the table.

    Both functions depend on their arguments alone, and nothing changes their results.
    """
    dynamodb._tokenize = lru_cache(dynamodb._tokenize)  # noqa: SLF001 - MiniStack has no other way
    dynamodb._condition_syntax_error = lru_cache(dynamodb._condition_syntax_error)  # noqa: SLF001 - the same


def _read_each_policy_once() -> None:
    """Remember what a policy says. MiniStack parses those of the caller's role again in every request."""
    parse = iam_evaluator.parse_policy_document
    remembered = lru_cache(parse)

    def once(policy: str | dict[str, Any]) -> Any:  # noqa: ANN401 - MiniStack's own
        return remembered(policy) if isinstance(policy, str) else parse(policy)

    iam_evaluator.parse_policy_document = once


def _give_the_api_its_id(api_id: str) -> None:
    """Have the first API get an id that is known, so that its address stays."""

    def once(tags: object, existing: Any) -> str | None:  # noqa: ANN401 - MiniStack's own
        return chosen(tags, existing) or (None if apigateway.find_api_scope(api_id) else api_id)

    chosen = apigateway._resolve_custom_api_id  # noqa: SLF001 - MiniStack has no other way
    apigateway._resolve_custom_api_id = once  # noqa: SLF001 - the same


def run(directory: str) -> None:
    """Run the emulator until the standard input ends. Each line of it is JSON that says what is deployed.

    Args:
        directory: Its files. They are removed at the end.
    """
    state = None
    if file := os.environ.pop("CHAT_STATE", ""):
        state = State(Path(file))
        try:
            state.load()
        except Exception:
            traceback.print_exc()
            sys.exit(UNUSABLE_STATE)
    if api_id := os.environ.pop("CHAT_API_ID", ""):
        _give_the_api_its_id(api_id)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # The functions inherit it. This process compiles what it imports.
    _let_log_groups_change_their_key()
    _compare_log_groups_as_aws_does()
    _match_what_does_not_exist()
    _read_each_expression_once()
    _read_each_policy_once()
    threading.Thread(target=_end_with_input, args=(directory, state), daemon=True).start()
    main()


if __name__ == "__main__":
    run(sys.argv.pop())
