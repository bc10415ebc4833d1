"""The customer's key. The preview refuses one that the tables, the logs or the queue could not use."""

import pulumi
import pytest

from components import InvalidArgumentError, WebSocketChat

from .argument_cases import KEY
from .stack import AWS_MANAGED_KEY, REGION, Graph, Properties, chat, run

ELSEWHERE = KEY.replace(REGION, "us-east-1")


@pytest.mark.parametrize(
    ("key", "outputs", "reason"),
    [
        (ELSEWHERE, {}, "Pulumi could not look it up: "),
        (ELSEWHERE.replace("arn:aws:", "arn:aws-cn:"), {}, "Pulumi could not look it up: "),
        (KEY, {"enabled": False, "keyState": "PendingDeletion"}, "This key is in the state PendingDeletion"),
        (
            KEY,
            {"keyUsage": "SIGN_VERIFY", "keySpec": "RSA_2048"},
            "This key is for SIGN_VERIFY and of the kind RSA_2048",
        ),
        (KEY, {"keySpec": "RSA_2048"}, "This key is of the kind RSA_2048"),
        (AWS_MANAGED_KEY, {}, "This key is managed by AWS"),
    ],
)
def test_a_key_that_cannot_encrypt_is_refused(key: str, outputs: Properties, reason: str) -> None:
    graph = Graph()
    with pytest.raises(InvalidArgumentError) as refused:
        chat({"kms_key_arn": key}, preview=True, outputs={key: outputs}, graph=graph)
    head = (
        f"kms_key_arn (in config: kmsKeyArn) = {key!r} is not allowed: it must be the ARN of a KMS key of yours that is"
    )
    assert str(refused.value).startswith(f"{head} enabled, symmetric, and in the chat's region. {reason}")
    assert graph.resources.keys() == {"chat"}  # the component alone


def test_the_key_of_an_output_is_not_looked_up() -> None:
    """The same update may create it."""
    graph = run(lambda: WebSocketChat("chat", {"kms_key_arn": pulumi.Output.from_input(ELSEWHERE)}), preview=True)
    assert [token for token, *_ in graph.calls if "kms" in token] == []
