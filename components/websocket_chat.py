"""The component: a whole WebSocket group chat."""

import pulumi
import pulumi_aws as aws

from .access_logs import AccessLogs
from .alarms import Alarms
from .api import Api, address
from .arguments import Authentication, Settings, WebSocketChatArgs
from .background import Background
from .custom_domain import CustomDomain, domain_target, domain_url
from .dashboard import Dashboard
from .environment import environment
from .event_bus import bus_arn
from .existing_table import AnyTable
from .functions import BROADCAST, PUBLISH, Functions
from .metric_filters import MetricFilters
from .part import Children
from .role import Role
from .tables import Tables
from .transforms import Transforms, check_transforms


class PublishIsOffError(pulumi.RunError):
    """The program uses the back end's function, which is not there. Pulumi prints this error without a stack trace."""


class WebSocketChat(pulumi.ComponentResource):
    """Group chat over WebSockets: connections table, one least-privilege role, functions, WebSocket API and stage."""

    web_socket_url: pulumi.Output[str]
    """Address for clients: ``wss://…/production``, or ``wss://`` and ``domain_name``. Clients append
    ``?userId=…&groupId=…``."""
    callback_url: pulumi.Output[str]
    """Address of the management API, where frames are posted to ``@connections/{connectionId}``."""
    api_id: pulumi.Output[str]
    """Id of the WebSocket API."""
    connections_table_name: pulumi.Output[str]
    """Name of the table with one row per open connection."""
    messages_table_name: pulumi.Output[str]
    """Name of the table that stores the messages."""
    failures_queue_url: pulumi.Output[str]
    """Queue of what the background functions could not process. Normally it is empty: ``alarms`` tells you if not."""
    function_names: pulumi.Output[dict[str, str]]
    """Names of the functions, by route key. Others are ``broadcast``, ``presence``, ``authorizer`` and ``publish``."""
    log_group_names: pulumi.Output[dict[str, str]]
    """Names of the log groups, by the same keys."""
    publish_function_name: pulumi.Output[str] | None
    """Name of the function that your other programs call. None unless ``publish`` is true."""
    target_domain_name: pulumi.Output[str] | None
    """Name that your DNS record for ``domain_name`` must point to. None without a domain, and with
    ``hosted_zone_id``, because the component then makes the record."""

    def __init__(  # noqa: PLR0915 - a table of contents
        self,
        name: str,
        args: WebSocketChatArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transforms: Transforms | None = None,
    ) -> None:
        """Create the chat.

        Args:
            name: Name of the component within the stack. Its resources are named ``{name}-…``.
            args: See :class:`WebSocketChatArgs`.
            opts: Options of the component, which its resources inherit.
            transforms: Changes to resources before they are created, by kind: a mapping of arguments to merge, or a
                function of ``(args, opts, name)``. See :class:`Transforms` for the kinds. The keys of a table and the
                stage's name cannot be changed: other resources rely on them. In other languages use Pulumi's resource
                option ``transforms``.

        Raises:
            InvalidArgumentError: An argument is not allowed. Nothing has been registered.
            SameNameError: Two resources of the program would have the same name in AWS.
            TransformError: A transform has an unknown kind, or is neither a mapping nor a function. Nothing has been
                registered. Or a transform returned something, or changed what other resources rely on.
            ExistingTableError: A table that exists already cannot be used. Nothing has been registered, unless the
                table's name is an Output.
            ForeignTableError: A table that the component would make exists already, and is not this stack's. Nothing
                has been registered.
            InvalidArgumentError: The bus of events does not exist, the certificate is in another region, or the domain
                is not in the hosted zone. Nothing has been registered.
            AuthorizerLayerError: pip cannot install the library that verifies tokens.
        """
        settings = Settings.of(args)
        check_transforms(transforms or {})
        super().__init__("websocket-chat:index:WebSocketChat", name, {}, opts)
        _warn(settings, self)
        children = Children(self, name, transforms or {})
        tables, role, functions, background, api = (
            Tables(children, settings),
            Role(children, settings),
            Functions(children, settings),
            Background(children, settings),
            Api(children, settings),
        )
        access_logs, custom_domain, metric_filters, alarms, dashboard = (
            AccessLogs(children, settings),
            CustomDomain(children, settings),
            MetricFilters(children, settings),
            Alarms(children, settings),
            Dashboard(children, settings),
        )

        existing = tables.existing()
        event_bus = bus_arn(settings.event_bus, self)
        certificate = custom_domain.checked_certificate()
        self.role: aws.iam.Role = role.role()
        """Role of the functions."""
        self.publish_role: aws.iam.Role | None = role.publish_role()
        """Role of the back end's function. None unless ``publish`` is true."""
        key_policy = role.key_policy(self.role)
        self.api: aws.apigatewayv2.Api = api.api()
        """The WebSocket API."""
        # Deletions go the other way round: if DynamoDB refuses to delete a table, the API is still there.
        before_tables = [self.api, *key_policy.values()]
        messages = existing.messages or tables.messages(after=before_tables)
        self.messages_table: aws.dynamodb.Table | None = _made(messages)
        """Table of the messages. None if it existed already."""
        self.read_markers_table: aws.dynamodb.Table | None = tables.read_markers(after=before_tables)
        """Table of how far each user has read. None unless ``unread`` is true."""
        self.changes_table: aws.dynamodb.Table | None = tables.changes(after=before_tables)
        """Table of the changes to messages. None unless ``changes`` is true."""
        connections = existing.connections or tables.connections(after=before_tables)
        self.connections_table: aws.dynamodb.Table | None = _made(connections)
        """Table with one row per open connection. None if it existed already."""
        self.failures_queue: aws.sqs.Queue = background.failures_queue(after=key_policy.values())
        """Queue of what the background functions could not process."""
        self.log_groups: dict[str, aws.cloudwatch.LogGroup] = functions.log_groups()
        """Log group of each function."""
        self.logs_policy: aws.iam.Policy = role.logs_policy(self.log_groups)
        """The managed policy that lets the functions write logs."""
        self.logs_policy_attachment: aws.iam.RolePolicyAttachment = role.logs_policy_attachment(
            self.role, self.logs_policy
        )
        """The attachment of that policy to the role."""
        serving_policies = role.policies(
            self.role,
            connections=connections,
            messages_arn=messages.arn,
            members_arn=existing.members.arn if existing.members else None,
            read_markers=self.read_markers_table,
            changes=self.changes_table,
            table_key_arns=existing.key_arns,
            event_bus=event_bus,
            api=self.api,
        )
        self.authorizer_layer: aws.lambda_.LayerVersion | None = functions.authorizer_layer()
        """Layer with the library that verifies tokens. None unless ``authentication`` is ``jwt``."""
        variables = environment(
            settings,
            connections_table=connections.name,
            messages_table=messages.name,
            read_markers_table=self.read_markers_table.name if self.read_markers_table else "",
            changes_table=self.changes_table.name if self.changes_table else "",
            event_bus=event_bus,
            failures_queue=self.failures_queue.url,
            api_id=self.api.id,
            # Built from the API: the stage's address would be a cycle, and that of a request may be a custom domain.
            callback_url=address(self.api, "http", settings.stage_name),
        )
        clients_functions = functions.functions(
            role=self.role,
            log_groups=self.log_groups,
            layer=self.authorizer_layer,
            variables=variables,
            after=[*key_policy.values(), *serving_policies.values(), self.logs_policy_attachment],
        )
        self.publish_policies: dict[str, aws.iam.RolePolicy] = role.publish_policies(
            self.publish_role,
            log_groups=self.log_groups,
            connections=connections,
            messages_arn=messages.arn,
            members_arn=existing.members.arn if existing.members else None,
            read_markers=self.read_markers_table,
            changes=self.changes_table,
            table_key_arns=existing.key_arns,
            event_bus=event_bus,
            failures=self.failures_queue,
            api=self.api,
            broadcast=clients_functions[BROADCAST.key],
        )
        """The policies of the back end's role, by feature. Empty unless ``publish`` is true."""
        self.functions: dict[str, aws.lambda_.Function] = clients_functions | functions.publish(
            role=self.publish_role,
            log_groups=self.log_groups,
            variables=variables,
            broadcast=clients_functions[BROADCAST.key],
            after=self.publish_policies.values(),
        )
        """The functions."""
        self.policies: dict[str, aws.iam.RolePolicy] = (
            key_policy
            | serving_policies
            | role.background_policy(self.role, broadcast=self.functions[BROADCAST.key], failures=self.failures_queue)
        )
        """The inline policies of the role, by feature."""
        self.authorizer: aws.apigatewayv2.Authorizer | None = api.authorizer(self.api, self.functions)
        """The authorizer that calls its function at each handshake. None unless ``authentication`` is ``jwt``."""
        self.integrations: dict[str, aws.apigatewayv2.Integration] = api.integrations(self.api, self.functions)
        """The integration that runs the function of each route."""
        self.routes: dict[str, aws.apigatewayv2.Route] = api.routes(self.api, self.integrations, self.authorizer)
        """The routes of the API."""
        self.permissions: dict[str, aws.lambda_.Permission] = api.permissions(self.api, self.functions, self.authorizer)
        """The permissions of the API to invoke the function of each route, and the authorizer."""
        self.deployment: aws.apigatewayv2.Deployment = api.deployment(self.api, self.routes)
        """The deployment of the API."""
        self.slice_retries: aws.lambda_.FunctionEventInvokeConfig = background.slice_retries(
            self.functions, self.failures_queue, after=self.policies.values()
        )
        """How often Lambda retries a slice of a large group."""
        self.presence_stream: aws.lambda_.EventSourceMapping | None = background.presence_stream(
            self.functions, connections, self.failures_queue, after=self.policies.values()
        )
        """The mapping that feeds the connections table's stream to its function. None without ``presence``."""
        self.access_log_group: aws.cloudwatch.LogGroup | None = access_logs.log_group()
        """The log group of the access logs. None if ``access_logs`` is ``off``."""
        self.gateway_role: aws.iam.Role | None = access_logs.role()
        """The role of the account's API Gateway. None unless ``access_logs`` is ``managed``."""
        self.gateway_policy_attachment: aws.iam.RolePolicyAttachment | None = access_logs.policy_attachment(
            self.gateway_role, self.access_log_group
        )
        """What lets that role write logs. None unless ``access_logs`` is ``managed``."""
        self.gateway_account: aws.apigateway.Account | None = access_logs.account(
            self.gateway_role, self.gateway_policy_attachment
        )
        """What gives that role to API Gateway. None unless ``access_logs`` is ``managed``."""
        self.stage: aws.apigatewayv2.Stage = api.stage(
            self.api,
            self.deployment,
            access_logs=self.access_log_group,
            after=[
                self.gateway_account,
                *self.policies.values(),
                *self.functions.values(),
                self.slice_retries,
                self.presence_stream,
                *self.permissions.values(),
            ],
        )
        """The stage of the API."""
        self.custom_domain: aws.apigatewayv2.DomainName | None = custom_domain.domain(certificate)
        """The name of the chat's own domain in API Gateway. None unless ``domain_name`` is set."""
        self.domain_mapping: aws.apigatewayv2.ApiMapping | None = custom_domain.mapping(
            self.custom_domain, self.api, self.stage.name
        )
        """The mapping of that domain to the stage. None unless ``domain_name`` is set."""
        self.domain_record: aws.route53.Record | None = custom_domain.record(self.custom_domain, self.domain_mapping)
        """The record of that domain. None unless ``hosted_zone_id`` is set."""
        self.metric_filters: dict[str, aws.cloudwatch.LogMetricFilter] = metric_filters.metric_filters(self.log_groups)
        """What counts lines of the logs for metrics. Empty without ``alarms`` and ``dashboard``."""
        self.alarms: dict[str, aws.cloudwatch.MetricAlarm] = alarms.alarms(
            functions=self.functions,
            failures=self.failures_queue,
            api=self.api,
            stage_name=self.stage.name,
        )
        """The alarms. Empty unless ``alarms`` is set."""
        self.dashboard: aws.cloudwatch.Dashboard | None = dashboard.dashboard(
            api=self.api,
            stage_name=self.stage.name,
            functions=self.functions,
            connections=connections.name,
            messages=messages.name,
            read_markers=self.read_markers_table,
            changes=self.changes_table,
        )
        """The dashboard. None unless ``dashboard`` is true."""
        self._output(connections, messages, stage_name=api.stage_name(self.stage), claims=children.claims)
        self._remember(role)

    def _remember(self, roles: Role) -> None:
        self._roles = roles

    def grant_publish(self, role: aws.iam.Role) -> aws.iam.RolePolicy:
        """Let a role of the same program call the back end's function.

        Args:
            role: The role of what calls it, such as a function of yours. Call this once for each role.

        Returns:
            The policy, for ``depends_on``: what calls the function must wait for it.

        Raises:
            PublishIsOffError: The argument ``publish`` is not true, so there is no such function.
        """
        if PUBLISH.key not in self.functions:
            raise PublishIsOffError(
                "grant_publish needs the function that your programs call: set publish to true, or leave "
                "grant_publish out."
            )
        return self._roles.grant_publish(self.functions[PUBLISH.key], role)

    def _output(
        self,
        connections: AnyTable,
        messages: AnyTable,
        *,
        stage_name: pulumi.Output[str],
        claims: list[pulumi.Output[None]],
    ) -> None:
        # Use the stage's output, so that nobody gets the address before the stage exists.
        self.web_socket_url = address(self.api, "ws", stage_name)
        self.target_domain_name = None
        if self.custom_domain:
            self.web_socket_url = domain_url(self.custom_domain, self.domain_mapping, self.domain_record)
            self.target_domain_name = None if self.domain_record else domain_target(self.custom_domain)
        self.callback_url = address(self.api, "http", stage_name)
        self.api_id = self.api.id
        self.connections_table_name = connections.name
        self.messages_table_name = messages.name
        self.failures_queue_url = self.failures_queue.url
        names = pulumi.Output.all(**{key: one.name for key, one in self.functions.items()})
        self.function_names = pulumi.Output.all(names, *claims).apply(lambda values: values[0])
        self.log_group_names = pulumi.Output.all(**{key: one.name for key, one in self.log_groups.items()})
        publish = self.functions.get(PUBLISH.key)
        self.publish_function_name = publish.name if publish else None
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
                "publishFunctionName": self.publish_function_name,
                "targetDomainName": self.target_domain_name,
            }
        )


def _made(table: AnyTable) -> aws.dynamodb.Table | None:
    return table if isinstance(table, aws.dynamodb.Table) else None


def _warn(settings: Settings, component: WebSocketChat) -> None:
    if settings.authentication != Authentication.NONE:
        return
    pulumi.log.warn(
        "authentication is none: anyone with the URL can connect as any user, and read and write every group. To "
        "require a token: pulumi config set authentication jwt, then set jwtIssuer or cognitoUserPoolId, and "
        "jwtAudience. README.md describes this under Security.",
        resource=component,
    )
    if settings.group_members_table:
        pulumi.log.warn(
            "groupMembersTable does not keep strangers out while authentication is none: a stranger can connect with "
            "a member's id. To verify ids: pulumi config set authentication jwt.",
            resource=component,
        )
