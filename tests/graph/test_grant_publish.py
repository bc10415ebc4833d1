"""``grant_publish`` lets a role of the same program call the back end's function, and nothing else."""

import json

import pulumi
import pulumi_aws as aws
import pytest

from components import PublishIsOffError, WebSocketChat, WebSocketChatArgs

from .stack import ACCOUNT, REGION, Graph, run


def granted(args: WebSocketChatArgs, *callers: str) -> Graph:
    def program() -> None:
        chat = WebSocketChat("chat", args)
        for caller in callers:
            chat.grant_publish(aws.iam.Role(caller, assume_role_policy="{}"))

    return run(program)


def test_a_role_may_invoke_the_function_and_nothing_else() -> None:
    graph = granted({"publish": True}, "shop", "bot")
    for caller in ("shop", "bot"):
        policy = graph.resources[f"chat-{caller}-may-publish-policy"]
        assert policy.inputs["role"] == f"{caller}-id"
        assert json.loads(policy.inputs["policy"])["Statement"] == [
            {
                "Sid": "PublishToChat",
                "Effect": "Allow",
                "Action": ["lambda:InvokeFunction"],
                "Resource": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:WebSocketPublish",
            }
        ]
        assert policy.parent == graph.resources["chat"].urn
        assert policy.replaced_by == {"policy"}
        assert policy.hooks_after_creation == 1


def test_without_publish_it_is_refused_before_anything_is_made_of_it() -> None:
    with pytest.raises(PublishIsOffError, match="set publish to true") as refused:
        granted({}, "shop")
    assert isinstance(refused.value, pulumi.RunError)


def test_a_program_reads_the_functions_name() -> None:
    def program() -> None:
        assert WebSocketChat("off", {}).publish_function_name is None
        name = WebSocketChat("on", {"publish": True, "name_prefix": "On"}).publish_function_name
        aws.sns.Topic("topic", name=name)

    assert run(program).resources["topic"].inputs["name"] == "OnPublish"
