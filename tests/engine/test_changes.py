"""Changes of a live stack: what changes, what is replaced, and what the clients notice of it."""

import re
from collections.abc import Callable

import pytest

from local.emulator import Emulator
from local.identity_provider import IdentityProvider
from local.prerequisites import create_members_table

from .argument_changes import (
    ALARMS,
    DASHBOARD,
    FILTERS,
    FUNCTIONS,
    IN_PLACE,
    OF_TOKENS,
    POLICIES,
    ROUTES,
    TOPIC,
    WITH_POLICIES,
    Change,
)
from .chatting import GROUP, Chatting, NewClient, asking
from .world import PulumiError, Stack


def _change_and_change_back(stack: Stack, changes: dict[str, Change], first: dict[str, object] | None = None) -> None:
    """Change arguments, all of them in one update, and back.

    Args:
        stack: The stack.
        changes: What changes, and what that does.
        first: Values of some of them in the stack. The others have their defaults.
    """
    before, outputs = stack.inputs(), stack.outputs()
    values = {name: change.value for name, change in changes.items()}
    updates = {(resource, change.input) for change in changes.values() for resource in change.of}
    added = {resource for change in changes.values() for resource in change.adds}
    replaced = {resource for change in changes.values() for resource in change.replaces}

    there = stack.up(**values)
    assert there.inputs() == updates
    assert sorted(there.names("create")) == sorted(added | replaced)
    assert there.names("delete") == sorted(replaced)

    back = stack.up(**dict.fromkeys(values) | (first or {}))
    assert back.inputs() == updates
    assert back.names("create") == sorted(replaced)
    assert sorted(back.names("delete")) == sorted(
        replaced | added - {"messages", "read-markers"}
    )  # These tables stay in AWS.
    assert stack.inputs() == before
    assert stack.outputs() == outputs
    assert stack.refresh("--expect-no-changes").operations == ()


def test_arguments_change_and_change_back_in_place(stack: Stack) -> None:
    stack.up()
    with Chatting(stack.outputs()["WebSocketURL"]):
        _change_and_change_back(stack, IN_PLACE)


def test_arguments_change_and_change_back_with_what_functions_may_do(stack: Stack) -> None:
    _create_members(stack.emulator)
    stack.up()
    with Chatting(stack.outputs()["WebSocketURL"]):
        _change_and_change_back(stack, WITH_POLICIES)


def test_arguments_of_tokens_change_and_change_back(stack: Stack) -> None:
    with IdentityProvider() as provider:
        first: dict[str, object] = {"jwtIssuer": provider.issuer, "jwtAudience": [provider.audience]}
        stack.up(authentication="jwt", changes=True, **first)
        with Chatting(stack.outputs()["WebSocketURL"], _with_tokens(provider)):
            _change_and_change_back(stack, OF_TOKENS, first)


def _with_tokens(provider: IdentityProvider) -> Callable[[str, str, str], NewClient]:
    return lambda url, user, group: asking(url, user, group, provider.mint(user))


def _create_members(emulator: Emulator) -> None:
    create_members_table(emulator)
    for user in ("alice", "bob"):
        row = {"memberId": user, "userId": user, "groupId": GROUP}
        item = {name: {"S": value} for name, value in row.items()}
        emulator.client("dynamodb").put_item(TableName="GroupMembers", Item=item)


def test_presence_goes_and_comes_back(stack: Stack) -> None:
    stack.up()
    before = stack.outputs()
    with Chatting(before["WebSocketURL"]):
        off = stack.up(presence=False)
        logs = {"logs-policy", "logs-policy-attachment"}
        policies = {"presence-policy", *logs}
        functions = {"presence-events-function", "presence-events-logs", "presence-stream"}
        assert set(off.names("delete")) == functions | policies
        # What uses a permission goes before it.
        gone = off.names("delete")
        for policy in ("presence-policy", "logs-policy-attachment"):
            assert gone.index(policy) > max(map(gone.index, ["presence-stream", "presence-events-function"]))
        # The policy with one log group less is attached before the old one goes.
        assert set(off.names("create")) == logs
        on = stack.up(presence=None)
        assert set(on.names("create")) == functions | policies
        assert on.names("delete") == ["logs-policy-attachment", "logs-policy"]
    assert stack.outputs() == before


def test_alarms_change_in_place(stack: Stack) -> None:
    stack.up(alarms=TOPIC)
    before = stack.inputs()
    with Chatting(stack.outputs()["WebSocketURL"]):
        assert stack.up(accountRequestRate=2_500).inputs() == {("requests-alarm", "threshold")}
        assert stack.state()["requests-alarm"]["outputs"]["threshold"] == 0.8 * 2_500 * 60
        told = {(alarm, actions) for alarm in ALARMS for actions in ("alarmActions", "okActions")}
        assert stack.up(alarms=f"{TOPIC}-2").inputs() == told
        assert stack.refresh("--expect-no-changes").operations == ()
        assert stack.up(tags=["Team=chat"]).inputs() >= {(alarm, "tags") for alarm in ALARMS}
        stack.up(accountRequestRate=None, alarms=TOPIC, tags=None)
    assert stack.inputs() == before
    stack.emulator.client("cloudwatch").delete_alarms(AlarmNames=[stack.state()["requests-alarm"]["id"]])
    filter_ = stack.state()["broadcast-failed-filter"]
    stack.emulator.client("logs").delete_metric_filter(
        logGroupName=filter_["inputs"]["logGroupName"], filterName=filter_["id"]
    )
    stack.refresh()
    assert sorted(stack.up().names("create")) == ["broadcast-failed-filter", "requests-alarm"]
    off = stack.up(alarms=None)
    assert set(off.names("delete")) == ALARMS | FILTERS
    assert stack.emulator.client("cloudwatch").describe_alarms()["MetricAlarms"] == []


def test_a_dashboard_changes_with_what_it_shows(stack: Stack) -> None:
    stack.up(dashboard=True)
    with Chatting(stack.outputs()["WebSocketURL"]):
        assert ("dashboard", "dashboardBody") in stack.up(memorySize=1_024).inputs()
        assert stack.refresh("--expect-no-changes").operations == ()
    run = stack.up(namePrefix="Other")
    assert "dashboard" in run.names("create")
    assert "dashboard" in run.names("delete")
    dashboards = stack.emulator.client("cloudwatch").list_dashboards()["DashboardEntries"]
    assert [one["DashboardName"] for one in dashboards] == ["Other-us-east-1"]
    assert set(stack.up(dashboard=None).names("delete")) == DASHBOARD | FILTERS


def test_another_stage_name_is_another_address(stack: Stack) -> None:
    stack.up()
    before = stack.outputs()
    run = stack.up(stageName="live")
    replaced = {"stage", "serving-policy", *(f"{route}-permission" for route in ROUTES)}
    assert set(run.names("create")) == set(run.names("delete")) == replaced
    assert run.inputs() == {(function, "environment") for function in FUNCTIONS}
    assert run.names("create")[-1] == run.names("delete")[0] == "stage"  # The new one exists before the old one goes.
    assert stack.outputs()["ApiId"] == before["ApiId"]
    assert stack.outputs()["WebSocketURL"] == re.sub("production$", "live", before["WebSocketURL"])
    with Chatting(stack.outputs()["WebSocketURL"]):
        back = stack.up(stageName=None)
    assert set(back.names("create")) == set(back.names("delete")) == replaced
    assert stack.outputs() == before


GATEWAY = ["gateway-role", "gateway-policy-attachment", "gateway-account"]


def test_access_logs_come_and_go(stack: Stack) -> None:
    apis, gateway = stack.emulator.client("apigatewayv2"), stack.emulator.client("apigateway")

    def logged() -> dict[str, str]:
        stage: dict[str, dict[str, str]] = apis.get_stage(ApiId=stack.outputs()["ApiId"], StageName="production")
        return stage.get("AccessLogSettings", {})

    stack.up()
    without = stack.inputs()
    with Chatting(stack.outputs()["WebSocketURL"]):
        with pytest.raises(PulumiError, match="CloudWatch Logs role ARN must be set in account settings"):
            stack.up(accessLogs="existing")
        managed = stack.up(accessLogs="managed")
        assert managed.names("create") == GATEWAY  # The log group is there already.
        assert managed.inputs() == {("stage", "accessLogSettings")}
        role = gateway.get_account()["cloudwatchRoleArn"]
        assert role.rpartition("/")[2].startswith("chat-gateway-role-")
        assert logged()["DestinationArn"].endswith(":/aws/apigateway/WebSocketAccess")
        assert stack.refresh("--expect-no-changes").operations == ()
        # What other APIs use stays in the account.
        assert stack.up(accessLogs="existing").operations == ()
        assert not {*GATEWAY} & stack.state().keys()
        assert gateway.get_account()["cloudwatchRoleArn"] == role
        off = stack.up(accessLogs="off")
        assert [(one.verb, one.name) for one in off.operations] == [
            ("update", "chat-stage"),
            ("delete", "chat-access-logs"),
        ]
        assert logged() == {}
        assert stack.inputs() == without
    stack.up(accessLogs="managed")
    owned = gateway.get_account()["cloudwatchRoleArn"]
    assert not {*GATEWAY} & {*stack.destroy().names("delete")}
    assert gateway.get_account()["cloudwatchRoleArn"] == owned
    attached = stack.emulator.client("iam").list_attached_role_policies(RoleName=owned.rpartition("/")[2])
    assert [one["PolicyName"] for one in attached["AttachedPolicies"]] == ["AmazonAPIGatewayPushToCloudWatchLogs"]


CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/1"


def _new_zone(emulator: Emulator, name: str) -> str:
    created = emulator.client("route53").create_hosted_zone(Name=name, CallerReference=name)
    return str(created["HostedZone"]["Id"]).rpartition("/")[2]


def _records(emulator: Emulator, zone: str) -> dict[str, str]:
    """The records for domains: where they point to, by the domain."""
    found = emulator.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {one["Name"].rstrip("."): one["AliasTarget"]["DNSName"].rstrip(".") for one in found if one["Type"] == "A"}


def _target(preview: str) -> str:
    """Where the new record in a preview points to."""
    _, _, record = preview.partition("aws:route53/record:Record")
    (found,) = re.findall(r"evaluateTargetHealth.*\n +name +: (.+)", record)
    return str(found)


def _leads_to(stack: Stack) -> str:
    """Where API Gateway leads the clients of the domain. The emulator does not do so for WebSockets."""
    apis, domain = stack.emulator.client("apigatewayv2"), stack.outputs()["WebSocketURL"].removeprefix("wss://")
    (mapping,) = apis.get_api_mappings(DomainName=domain)["Items"]
    assert mapping.get("ApiMappingKey", "") == ""
    return f"{stack.emulator.endpoint.replace('http', 'ws', 1)}/_aws/execute-api/{mapping['ApiId']}/{mapping['Stage']}"


def test_a_domain_comes_changes_and_goes(stack: Stack) -> None:
    zones = [_new_zone(stack.emulator, name) for name in ("example.com", "example.org")]
    stack.up()
    before, without = stack.outputs(), stack.inputs()
    with Chatting(before["WebSocketURL"]):  # The API's own address stays.
        stack.config(domainName="chat.example.com", certificateArn=CERTIFICATE, hostedZoneId=zones[0])
        assert _target(stack.preview()) == "[unknown]"
        came = stack.up(hostedZoneId=None)
        assert came.names("create") == ["domain", "domain-mapping"]
        assert not came.inputs()
        target = stack.outputs()["TargetDomainName"]
        assert stack.outputs() == before | {"WebSocketURL": "wss://chat.example.com", "TargetDomainName": target}
        stack.config(certificateArn=f"{CERTIFICATE}2", hostedZoneId=zones[0])
        assert _target(stack.preview()) == f'"{target}"'
        run = stack.up()
        assert (run.names("create"), run.inputs()) == (["domain-record"], {("domain", "domainNameConfiguration")})
        assert _records(stack.emulator, zones[0]) == {"chat.example.com": target}
        assert stack.outputs() == before | {"WebSocketURL": "wss://chat.example.com"}
        assert stack.refresh("--expect-no-changes").operations == ()
        assert ("domain", "tags") in stack.up(tags=["Team=chat"]).inputs()

        moved = stack.up(domainName="chat.example.org", hostedZoneId=zones[1], tags=None)
        parts = ["domain", "domain-mapping", "domain-record"]
        assert moved.names("create") == parts
        assert moved.names("delete") == parts[::-1]
        assert [operation.verb for operation in moved.operations[-3:]] == ["delete"] * 3  # The old ones go last.
        assert [len(_records(stack.emulator, zone)) for zone in zones] == [0, 1]

        gone = stack.up(domainName=None, certificateArn=None, hostedZoneId=None)
        assert gone.names("delete") == parts[::-1]
        assert not gone.names("create")
        assert (stack.outputs(), stack.inputs()) == (before, without)
    assert stack.emulator.client("apigatewayv2").get_domain_names()["Items"] == []


def test_a_domain_stays_when_its_stage_gets_another_name(stack: Stack) -> None:
    zone = _new_zone(stack.emulator, "example.com")
    stack.up(domainName="chat.example.com", certificateArn=CERTIFICATE, hostedZoneId=zone)
    before, records = stack.outputs(), _records(stack.emulator, zone)
    old = _leads_to(stack)
    run = stack.up(stageName="live")
    assert ("domain-mapping", "stage") in run.inputs()
    assert not {"domain", "domain-mapping", "domain-record"} & {*run.names("create"), *run.names("delete")}
    # AWS refuses to delete a stage that is mapped.
    steps = [(operation.verb, operation.name) for operation in run.operations]
    new_stage, mapped, old_stage = map(
        steps.index, [("create", "chat-stage"), ("update", "chat-domain-mapping"), ("delete", "chat-stage")]
    )
    assert new_stage < mapped < old_stage
    assert stack.outputs()["WebSocketURL"] == before["WebSocketURL"] == "wss://chat.example.com"
    assert _records(stack.emulator, zone) == records
    new = _leads_to(stack)
    assert (old.rpartition("/")[2], new.rpartition("/")[2]) == ("production", "live")
    with Chatting(new):
        assert stack.up().operations == ()
    destroyed = stack.destroy().names("delete")
    assert destroyed.index("domain-record") < destroyed.index("domain-mapping") < destroyed.index("stage")
    assert destroyed.index("domain-mapping") < destroyed.index("domain")


def test_another_role_name_is_another_role(stack: Stack) -> None:
    stack.up()
    before = stack.outputs()
    with Chatting(before["WebSocketURL"]):
        for name in ("Other", None):
            run = stack.up(roleName=name)
            replaced = {"role", *POLICIES}
            assert set(run.names("create")) == set(run.names("delete")) == replaced
            assert run.inputs() == {(function, "role") for function in FUNCTIONS}
            # The old role goes last, when no function has it any more.
            assert [operation.verb for operation in run.operations[-len(replaced) :]] == ["delete"] * len(replaced)
            assert run.names("delete")[-1] == "role"
    assert stack.outputs() == before


def test_another_prefix_is_another_chat(stack: Stack) -> None:
    first = stack.up()
    url = stack.outputs()["WebSocketURL"]
    with Chatting(url, asking) as chatting:
        run = stack.up(namePrefix="Other")
        chatting.catch_up()
    parts = {f"{route}-{part}" for route in ROUTES for part in ("integration", "route")}
    replaced = set(first.names("create")) - {"api", "stage", "failures"} - parts
    assert set(run.names("create")) == set(run.names("delete")) == replaced
    # The old ones go when the new ones are in use, and what they need goes after them.
    assert {operation.verb for operation in run.operations[-len(replaced) :]} == {"delete"}
    gone = run.names("delete")
    policies = ("presence-policy", "serving-policy", "logs-policy-attachment")
    assert min(map(gone.index, policies)) > max(map(gone.index, ["presence-stream", *FUNCTIONS]))
    assert gone.index("role") > max(map(gone.index, [*POLICIES, *FUNCTIONS]))
    assert stack.outputs()["WebSocketURL"] == url
    assert stack.outputs()["ConnectionsTable"] == "OtherConnections"
    assert stack.up().operations == ()


def test_authentication_changes(stack: Stack) -> None:
    stack.up()
    before = stack.outputs()
    url = before["WebSocketURL"]
    with IdentityProvider() as provider, Chatting(url, _with_tokens(provider)) as chatting:
        jwt = {"authentication": "jwt", "jwtIssuer": provider.issuer, "jwtAudience": [provider.audience]}
        run = stack.up(**jwt)
        assert set(run.names("create")) >= {"authorizer", "authorizer-function", "authorizer-layer", "authorizer-logs"}
        assert stack.outputs()["WebSocketURL"] == url
        chatting.catch_up()
        stack.up(authentication="iam", jwtIssuer=None, jwtAudience=None)  # Now they cannot connect.
        stack.up(authentication=None)
        chatting.catch_up()
    assert stack.up().operations == ()
    assert stack.outputs() == before
