"""``python -m local.migration STACK``: writes the file with which Pulumi takes over the chat of a CloudFormation stack.

The URL stays, because the API stays. The command reads the stack and what belongs to it, prints what to run next, and
changes nothing in AWS. It needs boto3 and no other package. docs/migration.md describes every step.
"""

import argparse
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

try:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError
except ModuleNotFoundError:
    sys.exit("This needs boto3, the AWS SDK for Python. Run: python3 -m pip install boto3")

Answer = dict[str, Any]
"""What AWS says of a resource."""

_ROUTES = {
    "$connect": ("connect", "Connect"),
    "$disconnect": ("disconnect", "Disconnect"),
    "sendMessage": ("send-message", "SendMessage"),
    "$default": ("default", "Default"),
}
"""The program's routes: how the names of their resources begin, and how the names of their functions end."""
_PREFIX, _STAGE, _ROLE = "WebSocket", "production", "LambdaRole"
"""The program's defaults: ``namePrefix``, ``stageName``, and how the name of the role ends."""
_KEY, _BY_USER, _STREAM = "connectionId", "UserIdIndex", "NEW_AND_OLD_IMAGES"
"""The key of a table of connections, and what the program needs of one unless its config says otherwise."""

_FUNCTION = re.compile(r"(arn:[^:]+:lambda:[^:]+:\d+:function:([^:/]+))(?::([^/]+))?/invocations$")
"""The end of an integration's URI: ARN and name of the function, and the version or alias that it runs."""

_STAYS = {f"AWS::ApiGatewayV2::{part}" for part in ("Api", "Stage", "Route", "Integration")} | {"AWS::DynamoDB::Table"}
"""What the stack must not delete."""
_STAYS_IF_IMPORTED = {"AWS::Lambda::Function", "AWS::IAM::Role", "AWS::Logs::LogGroup"}
"""What the stack must not delete if Pulumi takes it over. A function with another name may go with the stack."""
_RETAINING = ("Retain", "RetainExceptOnCreate")
_RETAINS = re.compile(rf"DeletionPolicy: *[\"']?({'|'.join(_RETAINING)})\b")

_FILE = "import.json"
_BESIDE = 'Deploy the chat beside the stack instead: docs/migration.md, "Beside the old stack".'


class MigrationError(Exception):
    """The stack cannot be taken over as it is. The text says what to do."""


class OldStack:
    """A CloudFormation stack with a WebSocket API, and what belongs to the API."""

    def __init__(self, session: boto3.Session, name: str) -> None:
        """Find the stack and its API.

        Args:
            session: Says in which account and region.
            name: Name of the stack.

        Raises:
            MigrationError: There is no such stack, or it has no WebSocket API with one stage.
        """
        self.name = name
        self.region = session.region_name
        self._session = session
        self._clients: dict[str, Any] = {}
        try:
            found = self._all("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=name)
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            raise MigrationError(
                f"There is no stack {name} in {self.region}. Check its name, AWS_REGION and AWS_PROFILE"
            ) from error
        self.resources = [
            (one["LogicalResourceId"], one["ResourceType"], one.get("PhysicalResourceId", "")) for one in found
        ]
        """Name in the template, type, and id in AWS of each resource."""
        apis = [
            id_
            for _, type_, id_ in self.resources
            if type_ == "AWS::ApiGatewayV2::Api"
            and self._client("apigatewayv2").get_api(ApiId=id_)["ProtocolType"] == "WEBSOCKET"
        ]
        if len(apis) != 1:
            raise MigrationError(f"The stack {name} has {len(apis)} WebSocket APIs. It must have one. {_BESIDE}")
        self.api = apis[0]
        stages = self._all("apigatewayv2", "get_stages", "Items", ApiId=self.api)
        if len(stages) != 1:
            names = ", ".join(stage["StageName"] for stage in stages) or "none"
            raise MigrationError(f"The API {self.api} must have one stage. It has: {names}. {_BESIDE}")
        self.stage = stages[0]

    @cached_property
    def routes(self) -> dict[str, Answer]:
        """The API's routes by their keys."""
        return {one["RouteKey"]: one for one in self._all("apigatewayv2", "get_routes", "Items", ApiId=self.api)}

    @cached_property
    def integrations(self) -> dict[str, Answer]:
        """The API's integrations by their ids."""
        found = self._all("apigatewayv2", "get_integrations", "Items", ApiId=self.api)
        return {one["IntegrationId"]: one for one in found}

    @cached_property
    def runs(self) -> dict[str, re.Match[str]]:
        """The function that each of the program's routes runs, by the route's key.

        Raises:
            MigrationError: A route runs no function, or two routes have the same integration.
        """
        runs: dict[str, re.Match[str]] = {}
        for key in (key for key in _ROUTES if key in self.routes):
            integration = self.integrations.get(self.integration_id(key), {})
            match = _FUNCTION.search(integration.get("IntegrationUri", ""))
            if integration.get("IntegrationType") != "AWS_PROXY" or not match:
                raise MigrationError(f"The route {key} has no AWS_PROXY integration with a Lambda function. {_BESIDE}")
            runs[key] = match
        if len({self.integration_id(key) for key in runs}) < len(runs):
            raise MigrationError(f"Several routes of the API {self.api} have the same integration. {_BESIDE}")
        return runs

    def integration_id(self, key: str) -> str:
        """Id of a route's integration."""
        return str(self.routes[key].get("Target", "").removeprefix("integrations/"))

    @cached_property
    def prefix(self) -> str:
        """What the program's ``namePrefix`` must be, so that the functions keep their names."""
        name = self.runs["$connect"][2] if "$connect" in self.runs else ""
        return (name.endswith("Connect") and name.removesuffix("Connect")) or _PREFIX

    @cached_property
    def functions(self) -> dict[str, Answer]:
        """The functions that have their names in the program too, by route. Pulumi creates the others.

        Raises:
            MigrationError: One of them cannot be taken over, or was taken over already. Or a client must prove who it
                is: that would end with the program's default.
        """
        functions: dict[str, Answer] = {}
        for key, match in self.runs.items():
            if match[2] != f"{self.prefix}{_ROUTES[key][1]}":
                continue
            functions[key] = self._client("lambda").get_function_configuration(FunctionName=match[2])
            if functions[key]["PackageType"] != "Zip":
                raise MigrationError(f"The function {match[2]} is a container image. {_BESIDE}")
            if functions[key]["Handler"] == f"handlers.{_ROUTES[key][0].replace('-', '_')}.handler":
                raise MigrationError(
                    f"{match[2]} runs this program already. Go on with what this command printed before `pulumi up`"
                )
        asks = self.routes.get("$connect", {}).get("AuthorizationType", "NONE")
        if asks != "NONE":
            raise MigrationError(
                f"The route $connect has the authorization {asks}. Pulumi would take it away, and then everybody could "
                f"connect. {_BESIDE} There, set authentication"
            )
        return functions

    @cached_property
    def role(self) -> str:
        """Name of the functions' role. Empty if Pulumi creates all functions.

        Raises:
            MigrationError: They have several roles, or one in a path.
        """
        arns = {function["Role"] for function in self.functions.values()}
        if len(arns) > 1:
            raise MigrationError(f"The functions have several roles: {', '.join(sorted(arns))}. {_BESIDE}")
        path, _, name = "".join(arns).partition(":role/")[2].rpartition("/")
        if path:
            raise MigrationError(f"The role {name} has the path /{path}/, and the program's has none. {_BESIDE}")
        return name

    @cached_property
    def log_groups(self) -> dict[str, str]:
        """Names of the functions' log groups that exist, by route. Lambda makes them when a function first runs."""
        names = {key: f"/aws/lambda/{function['FunctionName']}" for key, function in self.functions.items()}
        logs = self._client("logs")
        return {
            key: name
            for key, name in names.items()
            if any(
                group["logGroupName"] == name
                for group in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
            )
        }

    @cached_property
    def connections_table(self) -> Answer:
        """The table of connections: in the stack, or beside it under the program's name. Empty if neither exists."""
        tables = self._client("dynamodb")
        in_stack = [id_ for _, type_, id_ in self.resources if type_ == "AWS::DynamoDB::Table"]
        for name in (*in_stack, f"{self.prefix}Connections"):
            try:
                table: Answer = tables.describe_table(TableName=name)["Table"]
            except tables.exceptions.ResourceNotFoundException:
                continue
            if [part["AttributeName"] for part in table["KeySchema"]] == [_KEY]:
                return table
        return {}

    @cached_property
    def deleted(self) -> list[tuple[str, str, str]]:
        """The resources that CloudFormation deletes with the stack."""
        retained = _retained(self._client("cloudformation").get_template(StackName=self.name)["TemplateBody"])
        return [resource for resource in self.resources if resource[0] not in retained]

    def not_retained(self) -> list[str]:
        """Return the resources that must stay, and that the stack would delete."""
        imported = {function["FunctionName"] for function in self.functions.values()}
        imported |= {self.role, *self.log_groups.values()}
        return [
            f"{logical_id} ({type_})"
            for logical_id, type_, id_ in self.deleted
            if type_ in _STAYS or (type_ in _STAYS_IF_IMPORTED and id_ in imported)
        ]

    def hold(self) -> Iterator[str]:
        """Commands that let the API run what each function is now, while Pulumi changes the function.

        A published version never changes. The provider changes the configuration of a function, then its code:
        https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/lambda/function.go
        """
        for key in self.functions:
            arn, name, version = self.runs[key].groups()
            if version not in {None, "$LATEST"}:
                continue
            partition, account = arn.split(":")[1], arn.split(":")[4]
            uri = f"{self.runs[key].string.partition(arn)[0]}{arn}:${{version:?}}/invocations"
            yield f"version=$(aws lambda publish-version --function-name {name} --query Version --output text)"
            # If the first command fails, the shell does not run the next two.
            yield (
                f"aws lambda add-permission --function-name {name} --qualifier ${{version:?}} "
                "--statement-id websocket-api --action lambda:InvokeFunction --principal apigateway.amazonaws.com "
                f'--source-arn "arn:{partition}:execute-api:{self.region}:{account}:{self.api}/*"'
            )
            changed = self._line("update-integration", integration_id=self.integration_id(key))
            yield f'{changed} --integration-uri "{uri}"'

    def deploy(self) -> str:
        """Command that deploys the API as it is."""
        return self._line("create-deployment", stage_name=self.stage["StageName"])

    def import_file(self) -> dict[str, object]:
        """Return what Pulumi imports. Each type's importer takes another form of id.

        https://www.pulumi.com/docs/iac/guides/migration/import/
        """
        component = {"type": "websocket-chat:index:WebSocketChat", "name": "chat", "component": True}
        parts = [
            ("apigatewayv2/api:Api", "api", self.api),
            ("apigatewayv2/stage:Stage", "stage", f"{self.api}/{self.stage['StageName']}"),
        ]
        if self.role:
            parts.append(("iam/role:Role", "role", self.role))
        for key in self.runs:
            name, route = _ROUTES[key][0], self.routes[key]
            integration = f"{self.api}/{self.integration_id(key)}"
            parts.append(("apigatewayv2/route:Route", f"{name}-route", f"{self.api}/{route['RouteId']}"))
            parts.append(("apigatewayv2/integration:Integration", f"{name}-integration", integration))
            if key in self.functions:
                parts.append(("lambda/function:Function", f"{name}-function", self.functions[key]["FunctionName"]))
            if key in self.log_groups:
                parts.append(("cloudwatch/logGroup:LogGroup", f"{name}-logs", self.log_groups[key]))
        children = [
            {"type": f"aws:{type_}", "name": f"chat-{name}", "id": id_, "parent": "chat"} for type_, name, id_ in parts
        ]
        return {"resources": [component, *children]}

    def config(self) -> Iterator[str]:
        """Commands that set what differs from the program's defaults."""
        table = self.connections_table
        stream = table.get("StreamSpecification", {})
        values = {
            "aws:region": self.region,
            "namePrefix": self.prefix if self.prefix != _PREFIX else "",
            "stageName": self.stage["StageName"] if self.stage["StageName"] != _STAGE else "",
            "roleName": self.role if self.role != f"{self.prefix}{_ROLE}" else "",
            "connectionsTable": table.get("TableName", ""),
        }
        if table and (stream.get("StreamEnabled"), stream.get("StreamViewType")) != (True, _STREAM):
            values["presence"] = "false"
        if table and _BY_USER not in {index["IndexName"] for index in table.get("GlobalSecondaryIndexes", [])}:
            values["connectionsPerUser"] = "0"
        return (shlex.join(("pulumi", "config", "set", key, value)) for key, value in values.items() if value)

    def unknown_routes(self) -> Iterator[str]:
        """Commands that delete the routes that the program does not have. They would take actions from $default."""
        for key in sorted(self.routes.keys() - _ROUTES.keys()):
            yield self._line("delete-route", route_id=self.routes[key]["RouteId"])

    def back(self) -> str:
        """Command that lets the stage run the old functions again."""
        return self._line("update-stage", stage_name=self.stage["StageName"], deployment_id=self.stage["DeploymentId"])

    def clean_up(self) -> Iterator[str]:
        """Commands that remove what neither Pulumi nor the deletion of the stack removes."""
        deleted = {id_ for _, _, id_ in self.deleted}
        for key, function in self.functions.items():
            yield from self._clean_up_function(function["FunctionName"], self.runs[key][3], deleted)
        for integration in sorted(self.integrations.keys() - {self.integration_id(key) for key in self.runs}):
            yield self._line("delete-integration", integration_id=integration)
        for deployment in self._all("apigatewayv2", "get_deployments", "Items", ApiId=self.api):
            if deployment["DeploymentId"] not in deleted:
                yield self._line("delete-deployment", deployment_id=deployment["DeploymentId"])
        if self.role:
            for name in self._all("iam", "list_role_policies", "PolicyNames", RoleName=self.role):
                yield _aws("iam", "delete-role-policy", role_name=self.role, policy_name=name)
            for policy in self._all("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=self.role):
                arn = policy["PolicyArn"]
                yield _aws("iam", "detach-role-policy", role_name=self.role, policy_arn=arn)
        yield _aws("cloudformation", "delete-stack", stack_name=self.name)

    def _clean_up_function(self, name: str, version: str, deleted: set[str]) -> Iterator[str]:
        if version.isdecimal():  # An alias, and the version behind it, may have other users.
            yield _aws("lambda", "delete-function", function_name=name, qualifier=version)
        functions = self._client("lambda")
        try:
            policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
        except functions.exceptions.ResourceNotFoundException:
            return
        for statement in policy["Statement"]:
            if statement["Sid"] not in deleted:
                yield _aws("lambda", "remove-permission", function_name=name, statement_id=statement["Sid"])

    def _line(self, operation: str, **options: str) -> str:
        """Return a command for the API."""
        return _aws("apigatewayv2", operation, api_id=self.api, **options)

    def _client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients are made at runtime
        if service not in self._clients:
            client: Any = self._session.client
            self._clients[service] = client(service)
        return self._clients[service]

    def _all(self, service: str, operation: str, key: str, **arguments: str) -> list[Any]:
        """Return what an operation lists, over all pages."""
        pages = self._client(service).get_paginator(operation).paginate(**arguments)
        return [item for page in pages for item in page[key]]


def _aws(service: str, operation: str, **options: str) -> str:
    """Return a command of the AWS CLI, quoted for a shell."""
    given = (word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value))
    return shlex.join(("aws", service, operation, *given))


def _retained(template: str | Answer) -> set[str]:
    """Return the resources of a template that CloudFormation keeps when it deletes the stack.

    Args:
        template: As CloudFormation gives it: an object for JSON, a text for YAML. The text is read by its indentation,
            because Python cannot read YAML without another package. Resources in braces count as not kept.
    """
    if not isinstance(template, str):
        resources: dict[str, Answer] = template["Resources"]
        return {name for name, resource in resources.items() if resource.get("DeletionPolicy") in _RETAINING}
    retained: set[str] = set()
    section = resource = ""
    outer = inner = 0
    for line in template.splitlines():
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        if not text or text.startswith("#"):
            continue
        if indent == 0:
            section, outer = text.partition(" ")[0], 0
        elif section == "Resources:" and indent == (outer := outer or indent):
            resource, inner = text.partition(":")[0].strip("'\""), 0
        elif section == "Resources:" and indent == (inner := inner or indent) and _RETAINS.match(text):
            retained.add(resource)
    return retained


def plan(stack: OldStack) -> str:
    """Write the import file into the current folder.

    Returns:
        The commands to run next.

    Raises:
        MigrationError: The stack is not ready. The text has the commands that make it so.
    """
    if deleted := stack.not_retained():
        lines = "\n  ".join(deleted)
        raise MigrationError(
            f"The stack {stack.name} would delete these resources at its end:\n\n  {lines}\n\n"
            "Add DeletionPolicy: Retain to each of them in the template, update the stack, and run this command again. "
            "docs/migration.md has a command that does so"
        )
    if held := [*stack.hold()]:
        lines = "\n".join((*held, stack.deploy()))
        raise MigrationError(
            "Pulumi changes each function in two steps. Messages that come in between would be lost. So first let the "
            f"API run versions of the functions, which never change:\n\n{lines}\n\nThen run this command again"
        )
    imported = stack.import_file()
    sections = {
        "Set what differs from the defaults": [*stack.config()],
        "Take over": [
            *stack.unknown_routes(),
            shlex.join(("pulumi", "import", "--file", _FILE, "--generate-code=false", "--protect=false")),
            "pulumi up",
        ],
        "Remove what is left of the old stack": [*stack.clean_up()],
        "Only if you must go back to the old functions, before you remove them": [stack.back()],
    }
    Path(_FILE).write_text(json.dumps(imported, indent=2) + "\n")
    text = "\n\n".join("\n".join((f"# {title}", *lines)) for title, lines in sections.items())
    done = f"Wrote {_FILE}. Nothing has changed in AWS."
    return f"{done} Keep these commands, and run them part by part, in this order:\n\n{text}"


def main() -> None:
    """Read the command line, and say what to do."""
    parser = argparse.ArgumentParser(
        prog="python -m local.migration",
        description="Write the file with which Pulumi takes over a CloudFormation stack.",
    )
    parser.add_argument("stack", help="name of the CloudFormation stack")
    arguments = parser.parse_args()
    try:
        # The AWS CLI knows this variable, and boto3 does not.
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
        print(plan(OldStack(session, arguments.stack)))
    except MigrationError as error:
        sys.exit(str(error))
    except (BotoCoreError, ClientError) as error:
        reason = str(error).rstrip(".")
        sys.exit(f"AWS refused, or did not answer: {reason}. Set AWS_REGION and AWS_PROFILE as for the AWS CLI")


if __name__ == "__main__":
    main()
