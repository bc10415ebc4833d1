"""The component: a whole WebSocket group chat."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from .args import Settings, WebSocketChatArgs
from .messages_table import INDEX, INDEX_KEYS, KEY, existing_messages_table_arn
from .policy import assume_role_policy, policy

_HANDLERS = Path(__file__).resolve().parent.parent / "handlers"


@dataclass(frozen=True, slots=True)
class _Route:
    """A route and the function that serves it.

    Attributes:
        key: What API Gateway matches the event or the frame's action with.
        function: End of the function's physical name.
        module: The function's module in ``handlers/``.
    """

    key: str
    function: str
    module: str

    @property
    def child(self) -> str:
        """What the route's resources are called within the component."""
        return self.module.replace("_", "-")


_ROUTES = (
    _Route("$connect", "Connect", "connect"),
    _Route("$disconnect", "Disconnect", "disconnect"),
    _Route("sendMessage", "SendMessage", "send_message"),
    _Route("$default", "Default", "default"),
)


class WebSocketChat(pulumi.ComponentResource):
    """Group chat over WebSockets: connections table, one least-privilege role, functions, WebSocket API and stage."""

    web_socket_url: pulumi.Output[str]
    """Address clients connect to: ``wss://…/production``, to be followed by ``?userId=…&groupId=…``."""
    callback_url: pulumi.Output[str]
    """Address of the management API, where frames are posted to ``@connections/{connectionId}``."""
    api_id: pulumi.Output[str]
    """Id of the WebSocket API."""
    connections_table_name: pulumi.Output[str]
    """Name of the table with one row per open connection."""
    messages_table_name: pulumi.Output[str]
    """Name of the table the messages are stored in."""
    function_names: pulumi.Output[dict[str, str]]
    """Name of each route's function, by route key."""
    log_group_names: pulumi.Output[dict[str, str]]
    """Name of each route's log group, by route key."""

    def __init__(
        self, name: str, args: WebSocketChatArgs | None = None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Create the chat.

        Args:
            name: Name of the component within the stack; its parts are named ``{name}-…``.
            args: See :class:`WebSocketChatArgs`.
            opts: Options of the component, which its parts inherit.

        Raises:
            InvalidArgumentError: An argument is not allowed. Nothing has been registered.
            MessagesTableError: The existing messages table is missing or of another shape.
        """
        self._settings = Settings.of(args or {})
        super().__init__("websocket-chat:index:WebSocketChat", name, {}, opts)
        self._name = name

        messages_table_arn = self._messages_table_arn()
        connections = self._table(
            "connections",
            f"{self._settings.name_prefix}Connections",
            key="connectionId",
            index_keys=("groupId",),
            ttl={"attribute_name": "expiresAt", "enabled": True},
        )
        api = self._api()
        logs = {route: self._log_group(route) for route in _ROUTES}
        role = self._role()
        role_policy = self._role_policy(role, list(logs.values()), connections, messages_table_arn, api)
        code = _code()
        environment = self._environment(connections, api)
        functions = {route: self._function(route, role, code, environment, logs[route]) for route in _ROUTES}
        permissions = [self._permission(route, functions[route], api) for route in _ROUTES]
        deployment = self._deployment(api, functions)
        stage = self._stage(api, deployment, after=[role_policy, *permissions])

        # Through the stage's name, so that nobody has an address before it answers.
        self.web_socket_url = _address(api, "ws", stage.name)
        self.callback_url = _address(api, "http", stage.name)
        self.api_id = api.id
        self.connections_table_name = connections.name
        self.messages_table_name = pulumi.Output.from_input(self._settings.messages_table)
        self.function_names = pulumi.Output.all(**{route.key: functions[route].name for route in _ROUTES})
        self.log_group_names = pulumi.Output.all(**{route.key: logs[route].name for route in _ROUTES})
        self.register_outputs(
            {
                "webSocketUrl": self.web_socket_url,
                "callbackUrl": self.callback_url,
                "apiId": self.api_id,
                "connectionsTableName": self.connections_table_name,
                "messagesTableName": self.messages_table_name,
                "functionNames": self.function_names,
                "logGroupNames": self.log_group_names,
            }
        )

    def _child(self, *, depends_on: list[pulumi.Resource] | None = None) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=depends_on)

    def _messages_table_arn(self) -> pulumi.Input[str]:
        name = self._settings.messages_table
        if self._settings.create_messages_table:
            return self._table("messages", name, key=KEY, index_keys=INDEX_KEYS).arn
        return existing_messages_table_arn(name, parent=self)

    def _table(
        self,
        child: str,
        name: str,
        *,
        key: str,
        index_keys: tuple[str, ...],
        ttl: aws.dynamodb.TableTtlArgsDict | None = None,
    ) -> aws.dynamodb.Table:
        return aws.dynamodb.Table(
            f"{self._name}-{child}",
            name=name,
            billing_mode="PAY_PER_REQUEST",
            hash_key=key,
            attributes=[{"name": attribute, "type": "S"} for attribute in (key, *index_keys)],
            global_secondary_indexes=[
                {
                    "name": INDEX,
                    "key_schemas": [
                        {"attribute_name": attribute, "key_type": key_type}
                        for attribute, key_type in zip(index_keys, ("HASH", "RANGE"), strict=False)
                    ],
                    "projection_type": "ALL",
                }
            ],
            server_side_encryption={"enabled": True},
            point_in_time_recovery={"enabled": self._settings.point_in_time_recovery},
            deletion_protection_enabled=self._settings.deletion_protection,
            tags=self._settings.tags,
            ttl=ttl,
            opts=self._child(),
        )

    def _api(self) -> aws.apigatewayv2.Api:
        return aws.apigatewayv2.Api(
            f"{self._name}-api",
            name=f"{self._settings.name_prefix}Api",
            protocol_type="WEBSOCKET",
            route_selection_expression="$request.body.action",
            tags=self._settings.tags,
            opts=self._child(),
        )

    def _function_name(self, route: _Route) -> str:
        return f"{self._settings.name_prefix}{route.function}"

    def _log_group(self, route: _Route) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            f"{self._name}-{route.child}-logs",
            name=f"/aws/lambda/{self._function_name(route)}",
            retention_in_days=self._settings.log_retention_days,
            tags=self._settings.tags,
            opts=self._child(),
        )

    def _role(self) -> aws.iam.Role:
        return aws.iam.Role(
            f"{self._name}-role",
            name=f"{self._settings.name_prefix}LambdaRole",
            assume_role_policy=json.dumps(assume_role_policy()),
            tags=self._settings.tags,
            opts=self._child(),
        )

    def _role_policy(
        self,
        role: aws.iam.Role,
        logs: list[aws.cloudwatch.LogGroup],
        connections: aws.dynamodb.Table,
        messages_table_arn: pulumi.Input[str],
        api: aws.apigatewayv2.Api,
    ) -> aws.iam.RolePolicy:
        document = pulumi.Output.all(
            log_group_arns=[log.arn for log in logs],
            connections_table_arn=connections.arn,
            messages_table_arn=messages_table_arn,
            execution_arn=api.execution_arn,
            stage_name=self._settings.stage_name,
            tracing=self._settings.tracing,
        ).apply(lambda known: json.dumps(policy(**known)))
        return aws.iam.RolePolicy(
            f"{self._name}-policy",
            name=f"{self._settings.name_prefix}Policy",
            role=role.id,
            policy=document,
            opts=self._child(),
        )

    def _environment(self, connections: aws.dynamodb.Table, api: aws.apigatewayv2.Api) -> dict[str, pulumi.Input[str]]:
        return {
            "CONNECTIONS_TABLE": connections.name,
            "MESSAGES_TABLE": self._settings.messages_table,
            # From the API itself: the stage's own address would be a cycle, a request's a custom domain.
            "CALLBACK_URL": _address(api, "http", self._settings.stage_name),
            "CONNECTION_TTL_SECONDS": pulumi.Output.from_input(self._settings.connection_ttl).apply(str),
        }

    def _function(
        self,
        route: _Route,
        role: aws.iam.Role,
        code: pulumi.AssetArchive,
        environment: dict[str, pulumi.Input[str]],
        log_group: aws.cloudwatch.LogGroup,
    ) -> aws.lambda_.Function:
        tracing = pulumi.Output.from_input(self._settings.tracing)
        return aws.lambda_.Function(
            f"{self._name}-{route.child}-function",
            name=self._function_name(route),
            role=role.arn,
            runtime="python3.13",
            architectures=["arm64"],
            handler=f"handlers.{route.module}.handler",
            code=code,
            memory_size=self._settings.memory_size,
            timeout=self._settings.timeout,
            reserved_concurrent_executions=self._settings.reserved_concurrency,
            environment={"variables": environment},
            logging_config={"log_format": "JSON", "log_group": log_group.name},
            tracing_config={"mode": tracing.apply(lambda on: "Active" if on else "PassThrough")},
            tags=self._settings.tags,
            opts=self._child(),
        )

    def _permission(
        self, route: _Route, function: aws.lambda_.Function, api: aws.apigatewayv2.Api
    ) -> aws.lambda_.Permission:
        return aws.lambda_.Permission(
            f"{self._name}-{route.child}-permission",
            action="lambda:InvokeFunction",
            function=function.name,
            principal="apigateway.amazonaws.com",
            source_arn=pulumi.Output.concat(api.execution_arn, "/", self._settings.stage_name, "/", route.key),
            opts=self._child(),
        )

    def _deployment(
        self, api: aws.apigatewayv2.Api, functions: dict[_Route, aws.lambda_.Function]
    ) -> aws.apigatewayv2.Deployment:
        """Deploy the API's routes, and again whenever what makes up a route or its integration changes."""
        routes: list[pulumi.Resource] = []
        inputs: list[dict[str, Any]] = []
        for route in _ROUTES:
            integration_inputs: dict[str, Any] = {
                "integration_type": "AWS_PROXY",
                "integration_method": "POST",
                "integration_uri": functions[route].invoke_arn,
            }
            integration = aws.apigatewayv2.Integration(
                f"{self._name}-{route.child}-integration", api_id=api.id, opts=self._child(), **integration_inputs
            )
            route_inputs: dict[str, Any] = {
                "route_key": route.key,
                "target": pulumi.Output.concat("integrations/", integration.id),
                "authorization_type": "NONE",
            }
            routes.append(
                aws.apigatewayv2.Route(
                    f"{self._name}-{route.child}-route", api_id=api.id, opts=self._child(), **route_inputs
                )
            )
            inputs += [integration_inputs, route_inputs]
        return aws.apigatewayv2.Deployment(
            f"{self._name}-deployment",
            api_id=api.id,
            triggers={"inputs": pulumi.Output.json_dumps(inputs, sort_keys=True).apply(_digest)},
            opts=self._child(depends_on=routes),
        )

    def _stage(
        self, api: aws.apigatewayv2.Api, deployment: aws.apigatewayv2.Deployment, *, after: list[pulumi.Resource]
    ) -> aws.apigatewayv2.Stage:
        return aws.apigatewayv2.Stage(
            f"{self._name}-stage",
            api_id=api.id,
            name=self._settings.stage_name,
            deployment_id=deployment.id,
            default_route_settings={
                "throttling_rate_limit": self._settings.throttling_rate,
                "throttling_burst_limit": self._settings.throttling_burst,
            },
            tags=self._settings.tags,
            # The first client must find everything in place.
            opts=self._child(depends_on=after),
        )


def _address(api: aws.apigatewayv2.Api, scheme: str, stage_name: pulumi.Input[str]) -> pulumi.Output[str]:
    """The API's own address in the scheme, ``ws`` or ``http``, as secure as the API gives it."""
    secure = api.api_endpoint.apply(lambda endpoint: "s" if endpoint.startswith(("wss:", "https:")) else "")
    rest = api.api_endpoint.apply(lambda endpoint: endpoint.partition("://")[2])
    return pulumi.Output.concat(scheme, secure, "://", rest, "/", stage_name)


def _code() -> pulumi.AssetArchive:
    """The package of all functions: the modules alone, so that nothing but a change of them uploads it again."""
    return pulumi.AssetArchive(
        {
            f"handlers/{module.relative_to(_HANDLERS).as_posix()}": pulumi.FileAsset(str(module))
            for module in sorted(_HANDLERS.rglob("*.py"))
        }
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
