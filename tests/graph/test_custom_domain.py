"""A domain of the chat's own: what is refused, and what the address waits for. test_resources.py has the inputs."""

from typing import Any, cast

import pulumi
import pulumi_aws as aws
import pytest

from components import InvalidArgumentError, TransformError, WebSocketChat, WebSocketChatArgs
from components.names import SameNameError

from .argument_cases import CERTIFICATE
from .stack import REGION, ZONE, Graph, Properties, chat, known_chat, program, run

DOMAIN = "chat.example.com"
WITH_DOMAIN: WebSocketChatArgs = {"domain_name": DOMAIN, "certificate_arn": CERTIFICATE}
WITH_ZONE: WebSocketChatArgs = WITH_DOMAIN | {"hosted_zone_id": ZONE}
TARGET = f"d-1a2b3c.execute-api.{REGION}.amazonaws.com"
ELSEWHERE = CERTIFICATE.replace(REGION, "us-east-1")


def variables(graph: Graph) -> Properties:
    found: Properties = graph.resources["chat-connect-function"].inputs["environment"]["variables"]
    return found


@pytest.mark.parametrize("args", [{}, {"domain_name": "", "certificate_arn": "", "hosted_zone_id": ""}])
def test_without_a_domain_there_is_nothing(args: WebSocketChatArgs) -> None:
    graph = chat(args)
    assert graph.resources.keys() == known_chat().resources.keys()
    assert not [name for name in graph.resources if "domain" in name]
    assert not {token for token, *_ in graph.calls} & {"aws:route53/getZone:getZone", "aws:index/getRegion:getRegion"}


@pytest.mark.parametrize("preview", [False, True], ids=["update", "preview"])
@pytest.mark.parametrize(
    ("args", "more"),
    [(WITH_DOMAIN, {"domain", "domain-mapping"}), (WITH_ZONE, {"domain", "domain-mapping", "domain-record"})],
)
def test_a_domain_adds_only_what_leads_to_the_stage(args: WebSocketChatArgs, more: set[str], *, preview: bool) -> None:
    graph = chat(args, preview=preview)
    assert graph.resources.keys() - known_chat().resources.keys() == {f"chat-{name}" for name in more}
    if not preview:
        for name, one in known_chat().resources.items():
            assert graph.resources[name].inputs | {"code": ""} == one.inputs | {"code": ""}, name


def test_posts_to_connections_keep_the_address_of_the_api() -> None:
    graph = known_chat(WITH_ZONE)
    assert variables(graph)["CALLBACK_URL"] == f"https://chat-api-id.execute-api.{REGION}.amazonaws.com/production"
    assert DOMAIN not in str([one.inputs for name, one in graph.resources.items() if "domain" not in name])


CONFIG: dict[str, object] = {"domainName": DOMAIN, "certificateArn": CERTIFICATE}


@pytest.mark.parametrize("preview", [False, True], ids=["update", "preview"])
def test_the_program_exports_the_address_without_a_stage(*, preview: bool) -> None:
    outputs = program(CONFIG | {"hostedZoneId": ZONE}, preview=preview).outputs
    assert outputs["WebSocketURL"] == f"wss://{DOMAIN}"
    assert "TargetDomainName" not in outputs


def test_without_a_zone_the_program_exports_where_the_record_must_point() -> None:
    outputs = program(CONFIG).outputs
    assert (outputs["WebSocketURL"], outputs["TargetDomainName"]) == (f"wss://{DOMAIN}", TARGET)
    assert outputs["CallbackURL"] == f"https://chat-api-id.execute-api.{REGION}.amazonaws.com/production"


def test_in_a_preview_the_target_is_unknown() -> None:
    graph = chat(WITH_ZONE, preview=True)
    (alias,) = graph.resources["chat-domain-record"].inputs["aliases"]
    assert pulumi.contains_unknowns(alias["name"])
    assert pulumi.contains_unknowns(alias["zoneId"])
    assert program(CONFIG, preview=True).outputs["TargetDomainName"] is None  # Unknown.


@pytest.mark.parametrize(("args", "last"), [(WITH_DOMAIN, "chat-domain-mapping"), (WITH_ZONE, "chat-domain-record")])
def test_the_address_waits_for_the_domain_to_lead_to_the_stage(args: WebSocketChatArgs, last: str) -> None:
    def uses_address() -> None:
        aws.ssm.Parameter("address", type="String", value=WebSocketChat("chat", args).web_socket_url)

    assert {last, "chat-domain-mapping", "chat-domain", "chat-stage"} <= run(uses_address).waits_for("address")


def test_the_record_goes_before_the_mapping_and_the_mapping_before_the_stage() -> None:
    graph = known_chat(WITH_ZONE)
    assert "chat-domain-mapping" in graph.waits_for("chat-domain-record")
    assert {"chat-stage", "chat-domain"} <= graph.waits_for("chat-domain-mapping")


def test_a_new_stage_comes_before_the_mapping_changes_in_place() -> None:
    """Pulumi deletes the old stage at the end of the update, when nothing is mapped to it."""
    resources = known_chat(WITH_ZONE).resources
    assert resources["chat-stage"].deleted_first is False
    assert resources["chat-domain-mapping"].replaced_by == frozenset()
    assert resources["chat-domain-mapping"].deleted_first is None


def test_a_certificate_of_another_region_is_refused() -> None:
    graph = Graph()
    with pytest.raises(InvalidArgumentError) as refused:
        chat(WITH_DOMAIN | {"certificate_arn": ELSEWHERE}, preview=True, graph=graph)
    head = f"certificate_arn (in config: certificateArn) = {ELSEWHERE!r} is not allowed: it must be the ARN of a certi"
    assert str(refused.value).startswith(head)
    assert str(refused.value).endswith(f", in the chat's region, which is {REGION}")
    assert graph.resources.keys() == {"chat"}  # the component alone


def test_a_certificate_that_the_program_declares_is_checked_when_it_is_known() -> None:
    def declares(arn: Any) -> None:
        args: WebSocketChatArgs = {"domain_name": DOMAIN, "certificate_arn": pulumi.Output.from_input(arn)}
        WebSocketChat("chat", args)

    used = run(lambda: declares(CERTIFICATE)).resources["chat-domain"].inputs["domainNameConfiguration"]
    assert used["certificateArn"] == CERTIFICATE
    unknown = run(lambda: declares(pulumi.UNKNOWN), preview=True).resources["chat-domain"].inputs
    assert pulumi.contains_unknowns(unknown["domainNameConfiguration"]["certificateArn"])
    with pytest.raises(InvalidArgumentError, match="in the chat's region"):
        run(lambda: declares(ELSEWHERE))


@pytest.mark.parametrize(
    ("zone", "domain", "reason"),
    [
        ("ZMISSING", DOMAIN, "Pulumi could not look it up: "),
        ("ZPRIVATE", DOMAIN, "This is the private zone example.com"),
        (ZONE, "chat.example.org", "This is the public zone example.com"),
        (ZONE, "chat.example.com.example.org", "This is the public zone example.com"),
        ("ZOTHER", DOMAIN, "This is the public zone ample.com"),
    ],
)
def test_a_zone_that_does_not_contain_the_domain_is_refused(zone: str, domain: str, reason: str) -> None:
    graph = Graph()
    with pytest.raises(InvalidArgumentError) as refused:
        chat(WITH_DOMAIN | {"domain_name": domain, "hosted_zone_id": zone}, preview=True, graph=graph)
    assert str(refused.value).startswith(
        f"hosted_zone_id (in config: hostedZoneId) = {zone!r} is not allowed: it must be the id of a public hosted "
        f"zone that contains {domain}. {reason}"
    )
    assert graph.resources.keys() == {"chat"}


@pytest.mark.parametrize("key", ["domain_name", "hosted_zone_id"])
def test_a_zone_is_not_looked_up_if_an_output_decides(key: str) -> None:
    """The same update may create it."""
    known = {"domain_name": "chat.example.org", "hosted_zone_id": "ZMISSING"}

    def declares() -> None:
        args = {**WITH_DOMAIN, **known, key: pulumi.Output.from_input(known[key])}
        WebSocketChat("chat", cast("WebSocketChatArgs", args))

    graph = run(declares)
    assert [token for token, *_ in graph.calls if "getZone" in token] == []
    assert graph.resources["chat-domain-record"].inputs["zoneId"] == "ZMISSING"


def test_two_chats_cannot_have_one_domain() -> None:
    def two() -> None:
        WebSocketChat("chat", WITH_DOMAIN)
        WebSocketChat("other", WITH_DOMAIN | {"name_prefix": "Other"})

    with pytest.raises(SameNameError, match=rf"would both be named '{DOMAIN}' in AWS.*domain_name"):
        run(two)


def test_a_key_of_the_mapping_is_refused() -> None:
    """The URL would be without it."""
    with pytest.raises(TransformError, match="chat-domain-mapping changed api_mapping_key"):
        run(lambda: WebSocketChat("chat", WITH_DOMAIN, transforms={"domain_mapping": {"api_mapping_key": "chat"}}))
