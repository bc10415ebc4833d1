"""The component: a whole WebSocket group chat."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from .arguments import Authentication, Settings, WebSocketChatArgs
from .authorizer_layer import authorizer_layer
from .members_table import existing_members_table_arn
from .messages_table import INDEX, INDEX_KEYS, KEY, existing_messages_table_arn
from .policy import assume_role_policy, policy

RUNTIME = "python3.13"
ARCHITECTURE = "arm64"

_HANDLERS = Path(__file__).resolve().parent.parent / "handlers"


@dataclass(frozen=True, slots=True)
class _Function:
    """A function.

    Attributes:
        name: End of its physical name.
        module: Its module in ``handlers/``.
        key: What calls it, for the outputs: the key of its route, or what it serves in the background.
    """

    name: str
    module: str
    key: str

    @property
    def child(self) -> str:
        """What the function's resources are called within the component."""
        return self.module.replace("_", "-")


@dataclass(frozen=True, slots=True)
class _Index:
    """An index of a table.

    Attributes:
        name: Its name.
        keys: The attribute it is by, and maybe the one it is sorted by.
        projected: What it has beside the keys; everything, if empty.
    """

    name: str
    keys: tuple[str, ...]
    projected: tuple[str, ...] = ()

    def inputs(self) -> aws.dynamodb.TableGlobalSecondaryIndexArgsDict:
        """What the provider wants to be told."""
        schemas: list[aws.dynamodb.TableGlobalSecondaryIndexKeySchemaArgsDict] = [
            {"attribute_name": attribute, "key_type": key_type}
            for attribute, key_type in zip(self.keys, ("HASH", "RANGE"), strict=False)
        ]
        if not self.projected:
            return {"name": self.name, "key_schemas": schemas, "projection_type": "ALL"}
        return {
            "name": self.name,
            "key_schemas": schemas,
            "projection_type": "INCLUDE",
            "non_key_attributes": list(self.projected),
        }


_ROUTES = (
    _Function("Connect", "connect", "$connect"),
    _Function("Disconnect", "disconnect", "$disconnect"),
    _Function("SendMessage", "send_message", "sendMessage"),
    _Function("Default", "default", "$default"),
)
_BROADCAST = _Function("Broadcast", "broadcast", "broadcast")
_PRESENCE = _Function("Presence", "presence_events", "presence")
_AUTHORIZE = _Function("Authorize", "authorizer", "authorizer")


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
    failures_queue_url: pulumi.Output[str]
    """Queue of what the background functions could not serve. It is empty while all is well: a thing to alarm on."""
    function_names: pulumi.Output[dict[str, str]]
    """Names of the functions, by route key; the others as ``broadcast``, ``presence`` and ``authorizer``."""
    log_group_names: pulumi.Output[dict[str, str]]
    """Names of the log groups, by the same keys."""

    def __init__(self, name: str, args: WebSocketChatArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the chat.

        Args:
            name: Name of the component within the stack; its parts are named ``{name}-…``.
            args: See :class:`WebSocketChatArgs`.
            opts: Options of the component, which its parts inherit.

        Raises:
            InvalidArgumentError: An argument is not allowed. Nothing has been registered.
            MessagesTableError: The existing messages table is missing or of another shape.
            MembersTableError: The members table is.
        """
        self._settings = Settings.of(args)
        super().__init__("websocket-chat:index:WebSocketChat", name, {}, opts)
        self._name = name
        self._warn()

        members_table = self._settings.group_members_table
        members_table_arn = existing_members_table_arn(members_table, parent=self) if members_table else None
        messages_table_arn = self._messages_table_arn()
        connections = self._connections_table()
        failures = self._failures_queue()
        api = self._api()
        role = self._role()
        on_demand = {_PRESENCE: self._settings.presence, _AUTHORIZE: self._with_tokens}
        deployed = (*_ROUTES, _BROADCAST, *(function for function, wanted in on_demand.items() if wanted))
        logs = {function: self._log_group(function) for function in deployed}
        code = _code()
        environment = self._environment(connections, api)
        role_policy = self._role_policy(
            role,
            pulumi.Output.all(
                log_group_arns=[log.arn for log in logs.values()],
                connections_table_arn=connections.arn,
                messages_table_arn=messages_table_arn,
                members_table_arn=members_table_arn,
                execution_arn=api.execution_arn,
                stage_name=self._settings.stage_name,
                broadcast_function_arn=self._broadcast_function_arn(connections),
                failures_queue_arn=failures.arn,
                stream_arn=connections.stream_arn if self._settings.presence else None,
                kms_key_arn=self._settings.kms_key_arn,
                tracing=self._settings.tracing,
            ),
        )
        functions = {
            # Lambda refuses to trace for a role that may not, hence after the policy.
            function: self._function(function, role, code, environment, logs[function], after=role_policy)
            for function in deployed
        }
        authorizer = self._authorizer(api, functions[_AUTHORIZE]) if self._with_tokens else None
        background: list[pulumi.Resource] = [self._slice_retries(functions[_BROADCAST], failures, after=role_policy)]
        if self._settings.presence:
            background.append(self._presence_events(functions[_PRESENCE], connections, failures, after=role_policy))
        permissions = [
            self._permission(route, functions[route], api, f"{self._settings.stage_name}/{route.key}")
            for route in _ROUTES
        ]
        if authorizer:
            source = pulumi.Output.concat("authorizers/", authorizer.id)
            permissions.append(self._permission(_AUTHORIZE, functions[_AUTHORIZE], api, source))
        deployment = self._deployment(api, functions, authorizer)
        stage = self._stage(api, deployment, after=[role_policy, *background, *permissions])

        # Through the stage's name, so that nobody has an address before it answers.
        self.web_socket_url = _address(api, "ws", stage.name)
        self.callback_url = _address(api, "http", stage.name)
        self.api_id = api.id
        self.connections_table_name = connections.name
        self.messages_table_name = pulumi.Output.from_input(self._settings.messages_table)
        self.failures_queue_url = failures.url
        self.function_names = pulumi.Output.all(**{one.key: functions[one].name for one in deployed})
        self.log_group_names = pulumi.Output.all(**{one.key: logs[one].name for one in deployed})
        self.register_outputs(
            {
                "webSocketUrl": self.web_socket_url,
                "callbackUrl": self.callback_url,
                "apiId": self.api_id,
                "connectionsTableName": self.connections_table_name,
                "messagesTableName": self.messages_table_name,
                "failuresQueueUrl": self.failures_queue_url,
                "functionNames": self.function_names,
                "logGroupNames": self.log_group_names,
            }
        )

    def _child(self, *, depends_on: list[pulumi.Resource] | None = None) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=depends_on)

    @property
    def _with_tokens(self) -> bool:
        return self._settings.authentication == Authentication.JWT

    @property
    def _kms_key_arn(self) -> pulumi.Output[str | None]:
        return pulumi.Output.from_input(self._settings.kms_key_arn).apply(lambda arn: arn or None)

    def _warn(self) -> None:
        if self._settings.authentication == Authentication.NONE:
            pulumi.log.warn(
                "authentication is none: whoever knows the URL can connect as any user to any group, read it and write "
                "in it. End this with authentication: jwt (pulumi config set authentication jwt, then jwtIssuer or "
                "cognitoUserPoolId, and jwtAudience); README.md says how, under Security.",
                resource=self,
            )
            if self._settings.group_members_table:
                pulumi.log.warn(
                    "group_members_table without authentication keeps nobody out: a stranger names a member.",
                    resource=self,
                )

    def _connections_table(self) -> aws.dynamodb.Table:
        return self._table(
            "connections",
            f"{self._settings.name_prefix}Connections",
            key="connectionId",
            # Not all attributes: each frame changes its connection's row, to keep to the rate, and no index.
            indexes=[
                _Index(INDEX, ("groupId",), ("userId", "connectedAt", "expiresAt", "authentication")),
                _Index("UserIdIndex", ("userId",), ("expiresAt",)),
            ],
            ttl={"attribute_name": "expiresAt", "enabled": True},
            # What has left the table is known from its old image alone.
            stream_view_type="NEW_AND_OLD_IMAGES" if self._settings.presence else None,
        )

    def _messages_table_arn(self) -> pulumi.Input[str]:
        name = self._settings.messages_table
        if self._settings.create_messages_table:
            return self._table("messages", name, key=KEY, indexes=[_Index(INDEX, INDEX_KEYS)]).arn
        return existing_messages_table_arn(name, parent=self)

    def _table(
        self,
        child: str,
        name: str,
        *,
        key: str,
        indexes: list[_Index],
        ttl: aws.dynamodb.TableTtlArgsDict | None = None,
        stream_view_type: str | None = None,
    ) -> aws.dynamodb.Table:
        attributes = {key, *(attribute for index in indexes for attribute in index.keys)}
        return aws.dynamodb.Table(
            f"{self._name}-{child}",
            name=name,
            billing_mode="PAY_PER_REQUEST",
            hash_key=key,
            attributes=[{"name": attribute, "type": "S"} for attribute in sorted(attributes)],
            global_secondary_indexes=[index.inputs() for index in indexes],
            server_side_encryption={"enabled": True, "kms_key_arn": self._kms_key_arn},
            point_in_time_recovery={"enabled": self._settings.point_in_time_recovery},
            deletion_protection_enabled=self._settings.deletion_protection,
            tags=self._settings.tags,
            ttl=ttl,
            stream_enabled=True if stream_view_type else None,
            stream_view_type=stream_view_type,
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

    def _function_name(self, one: _Function) -> str:
        return f"{self._settings.name_prefix}{one.name}"

    def _log_group(self, one: _Function) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            f"{self._name}-{one.child}-logs",
            name=f"/aws/lambda/{self._function_name(one)}",
            retention_in_days=self._settings.log_retention_days,
            kms_key_id=self._kms_key_arn,
            tags=self._settings.tags,
            opts=self._child(),
        )

    def _failures_queue(self) -> aws.sqs.Queue:
        return aws.sqs.Queue(
            f"{self._name}-failures",
            name=f"{self._settings.name_prefix}Failures",
            message_retention_seconds=14 * 24 * 60 * 60,
            sqs_managed_sse_enabled=self._kms_key_arn.apply(lambda arn: None if arn else True),
            kms_master_key_id=self._kms_key_arn,
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

    def _role_policy(self, role: aws.iam.Role, named: pulumi.Output[dict[str, Any]]) -> aws.iam.RolePolicy:
        return aws.iam.RolePolicy(
            f"{self._name}-policy",
            name=f"{self._settings.name_prefix}Policy",
            role=role.id,
            policy=named.apply(lambda known: json.dumps(policy(**known))),
            opts=self._child(),
        )

    def _broadcast_function_arn(self, connections: aws.dynamodb.Table) -> pulumi.Output[str]:
        # By name, in the account and region of the table: the function itself waits for the policy.
        name = self._function_name(_BROADCAST)

        def of(table_arn: str) -> str:
            _, partition, _, region, account, _ = table_arn.split(":", 5)
            return f"arn:{partition}:lambda:{region}:{account}:function:{name}"

        return connections.arn.apply(of)

    def _environment(self, connections: aws.dynamodb.Table, api: aws.apigatewayv2.Api) -> dict[str, pulumi.Input[str]]:
        return {
            "CONNECTIONS_TABLE": connections.name,
            "MESSAGES_TABLE": self._settings.messages_table,
            # From the API itself: the stage's own address would be a cycle, a request's a custom domain.
            "CALLBACK_URL": _address(api, "http", self._settings.stage_name),
            "CONNECTION_TTL_SECONDS": _text(self._settings.connection_ttl),
            # By name: the functions share their environment, and this one cannot refer to itself.
            "BROADCAST_FUNCTION": self._function_name(_BROADCAST),
            "BROADCAST_THRESHOLD": _text(self._settings.broadcast_threshold),
            "EVENT_MEMBER_LIMIT": _text(self._settings.event_member_limit),
            "AUTHENTICATION": Authentication(self._settings.authentication).value,
            "MEMBERS_TABLE": self._settings.group_members_table,
            "MEMBERSHIP_RECHECK_SECONDS": _text(self._settings.membership_recheck),
            "ALLOWED_ORIGINS": json.dumps(self._settings.allowed_origins),
            "REQUIRE_ORIGIN": json.dumps(self._settings.require_origin),
            "MESSAGE_RATE": _text(self._settings.message_rate),
            "MESSAGE_BURST": _text(self._settings.message_burst),
            "CONNECTIONS_PER_USER": _text(self._settings.connections_per_user),
        }

    def _authorizer_environment(self) -> dict[str, pulumi.Input[str]]:
        return {
            "JWT_ISSUER": self._settings.issuer,
            "JWT_AUDIENCE": pulumi.Output.json_dumps(self._settings.jwt_audience),
            "JWT_JWKS_URL": self._settings.jwks_url,
            "JWT_ALGORITHMS": json.dumps(self._settings.jwt_algorithms),
            "USER_CLAIM": self._settings.user_claim,
            "GROUP_CLAIM": self._settings.group_claim,
            "CLOCK_SKEW_SECONDS": _text(self._settings.clock_skew),
        }

    def _authorizer_layer(self) -> aws.lambda_.LayerVersion:
        return aws.lambda_.LayerVersion(
            f"{self._name}-authorizer-layer",
            layer_name=f"{self._settings.name_prefix}Authorizer",
            description="The library that verifies tokens",
            code=authorizer_layer(),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURE],
            opts=self._child(),
        )

    def _authorizer(self, api: aws.apigatewayv2.Api, function: aws.lambda_.Function) -> aws.apigatewayv2.Authorizer:
        return aws.apigatewayv2.Authorizer(
            f"{self._name}-authorizer",
            api_id=api.id,
            name=f"{self._settings.name_prefix}Authorizer",
            authorizer_type="REQUEST",
            authorizer_uri=function.invoke_arn,
            # Where the token is varies; a group is always named, or else the handshake is refused without a call.
            identity_sources=["route.request.querystring.groupId"],
            opts=self._child(),
        )

    def _function(
        self,
        one: _Function,
        role: aws.iam.Role,
        code: pulumi.AssetArchive,
        environment: dict[str, pulumi.Input[str]],
        log_group: aws.cloudwatch.LogGroup,
        *,
        after: pulumi.Resource,
    ) -> aws.lambda_.Function:
        tracing = pulumi.Output.from_input(self._settings.tracing)
        return aws.lambda_.Function(
            f"{self._name}-{one.child}-function",
            name=self._function_name(one),
            role=role.arn,
            runtime=RUNTIME,
            architectures=[ARCHITECTURE],
            handler=f"handlers.{one.module}.handler",
            code=code,
            memory_size=self._settings.memory_size,
            timeout=self._settings.timeout,
            reserved_concurrent_executions=self._settings.reserved_concurrency,
            environment={"variables": self._authorizer_environment() if one is _AUTHORIZE else environment},
            layers=[self._authorizer_layer().arn] if one is _AUTHORIZE else None,
            logging_config={"log_format": "JSON", "log_group": log_group.name},
            tracing_config={"mode": tracing.apply(lambda on: "Active" if on else "PassThrough")},
            tags=self._settings.tags,
            opts=self._child(depends_on=[after]),
        )

    def _permission(
        self, one: _Function, function: aws.lambda_.Function, api: aws.apigatewayv2.Api, source: pulumi.Input[str]
    ) -> aws.lambda_.Permission:
        return aws.lambda_.Permission(
            f"{self._name}-{one.child}-permission",
            action="lambda:InvokeFunction",
            function=function.name,
            principal="apigateway.amazonaws.com",
            source_arn=pulumi.Output.concat(api.execution_arn, "/", source),
            opts=self._child(),
        )

    def _slice_retries(
        self, broadcast: aws.lambda_.Function, failures: aws.sqs.Queue, *, after: pulumi.Resource
    ) -> aws.lambda_.FunctionEventInvokeConfig:
        """Repeat a failed slice while it is of use, then keep it. Lambda checks that the role may, hence ``after``."""
        return aws.lambda_.FunctionEventInvokeConfig(
            f"{self._name}-slice-retries",
            function_name=broadcast.name,
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=15 * 60,
            destination_config={"on_failure": {"destination": failures.arn}},
            opts=self._child(depends_on=[after]),
        )

    def _presence_events(
        self,
        presence: aws.lambda_.Function,
        connections: aws.dynamodb.Table,
        failures: aws.sqs.Queue,
        *,
        after: pulumi.Resource,
    ) -> aws.lambda_.EventSourceMapping:
        """Feed the table's stream to the function. Lambda checks that the role may read it, hence ``after``."""
        return aws.lambda_.EventSourceMapping(
            f"{self._name}-presence-stream",
            event_source_arn=connections.stream_arn,
            function_name=presence.arn,
            starting_position="LATEST",
            batch_size=100,
            # The index that tells who else is there lags the stream.
            maximum_batching_window_in_seconds=2,
            # An event that is minutes old tells nobody anything.
            maximum_record_age_in_seconds=5 * 60,
            maximum_retry_attempts=3,
            bisect_batch_on_function_error=True,
            filter_criteria={"filters": [{"pattern": json.dumps({"eventName": ["INSERT", "REMOVE"]})}]},
            destination_config={"on_failure": {"destination_arn": failures.arn}},
            tags=self._settings.tags,
            opts=self._child(depends_on=[after]),
        )

    def _deployment(
        self,
        api: aws.apigatewayv2.Api,
        functions: dict[_Function, aws.lambda_.Function],
        authorizer: aws.apigatewayv2.Authorizer | None,
    ) -> aws.apigatewayv2.Deployment:
        """Deploy the API, and again whenever what makes up a route, an integration or the authorizer changes."""
        routes: list[pulumi.Resource] = []
        inputs: list[dict[str, Any]] = []
        if authorizer:
            # Its id is one of the route's.
            inputs.append(
                {
                    "authorizer_type": authorizer.authorizer_type,
                    "authorizer_uri": authorizer.authorizer_uri,
                    "identity_sources": authorizer.identity_sources,
                }
            )
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
                # API Gateway authorizes handshakes alone; what was found then holds for the connection.
                **(self._authorization(authorizer) if route.key == "$connect" else {"authorization_type": "NONE"}),
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

    def _authorization(self, authorizer: aws.apigatewayv2.Authorizer | None) -> dict[str, Any]:
        if authorizer:
            return {"authorization_type": "CUSTOM", "authorizer_id": authorizer.id}
        return {"authorization_type": "AWS_IAM" if self._settings.authentication == Authentication.IAM else "NONE"}

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


def _text(number: pulumi.Input[int]) -> pulumi.Output[str]:
    return pulumi.Output.from_input(number).apply(str)


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
