"""Changes that a program makes to the component's resources before they are created."""

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

import pulumi

Transform = Mapping[str, Any] | Callable[[dict[str, Any], pulumi.ResourceOptions, str], None]
"""A mapping, or a function.

A mapping is merged over the resource's arguments, at their top level. A function gets the arguments as a ``dict``, the
resource options, and the resource's name in the stack, and changes the first two in place. Arguments are spelled as
``pulumi_aws`` spells them in Python: ``memory_size``.
"""


class Transforms(TypedDict, total=False):
    """What to change, by kind of resource. A kind is the attribute of ``WebSocketChat``, in the singular.

    A transform of a kind with several resources is applied to each. If the component makes no such resource (for
    example, no authorizer without ``jwt``), the transform is not used.
    """

    connections_table: Transform
    """The table of open connections, if the component makes it: ``aws.dynamodb.Table``."""
    messages_table: Transform
    """The table of messages, if the component makes it: ``aws.dynamodb.Table``."""
    read_markers_table: Transform
    """The table of how far users have read, if ``unread`` is true: ``aws.dynamodb.Table``."""
    changes_table: Transform
    """The table of changes to messages, if ``changes`` is true: ``aws.dynamodb.Table``."""
    failures_queue: Transform
    """The queue of what background functions could not process: ``aws.sqs.Queue``."""
    api: Transform
    """The WebSocket API: ``aws.apigatewayv2.Api``."""
    log_group: Transform
    """The log group of each function: ``aws.cloudwatch.LogGroup``."""
    role: Transform
    """The role of the functions: ``aws.iam.Role``."""
    policy: Transform
    """The permissions of that role, by feature: ``aws.iam.RolePolicy``."""
    publish_role: Transform
    """The role of the back end's function, if ``publish`` is true: ``aws.iam.Role``."""
    publish_policy: Transform
    """The permissions of that role, by feature: ``aws.iam.RolePolicy``."""
    logs_policy: Transform
    """The permission to write logs, a managed policy: ``aws.iam.Policy``."""
    logs_policy_attachment: Transform
    """What gives that policy to the role: ``aws.iam.RolePolicyAttachment``."""
    authorizer_layer: Transform
    """The layer with the library that verifies tokens: ``aws.lambda_.LayerVersion``."""
    function: Transform
    """Each function: ``aws.lambda_.Function``."""
    authorizer: Transform
    """What calls the authorizer function when a client connects: ``aws.apigatewayv2.Authorizer``."""
    integration: Transform
    """The integration of each route: ``aws.apigatewayv2.Integration``."""
    route: Transform
    """Each route: ``aws.apigatewayv2.Route``."""
    permission: Transform
    """What lets the API invoke a function: ``aws.lambda_.Permission``."""
    deployment: Transform
    """The deployment of the API: ``aws.apigatewayv2.Deployment``."""
    slice_retries: Transform
    """How often Lambda retries a slice of a large group: ``aws.lambda_.FunctionEventInvokeConfig``."""
    presence_stream: Transform
    """What feeds the stream of the connections table to its function: ``aws.lambda_.EventSourceMapping``."""
    stage: Transform
    """The stage of the API: ``aws.apigatewayv2.Stage``."""
    access_log_group: Transform
    """The log group of the access logs, unless ``access_logs`` is ``off``: ``aws.cloudwatch.LogGroup``."""
    gateway_role: Transform
    """The role of the account's API Gateway, if ``access_logs`` is ``managed``: ``aws.iam.Role``."""
    gateway_policy_attachment: Transform
    """What lets that role write logs: ``aws.iam.RolePolicyAttachment``."""
    gateway_account: Transform
    """What gives that role to API Gateway: ``aws.apigateway.Account``."""
    custom_domain: Transform
    """The name of the domain in API Gateway, if ``domain_name`` is set: ``aws.apigatewayv2.DomainName``."""
    domain_mapping: Transform
    """The mapping of that domain to the stage: ``aws.apigatewayv2.ApiMapping``."""
    domain_record: Transform
    """The record of that domain, if ``hosted_zone_id`` is set: ``aws.route53.Record``."""
    metric_filter: Transform
    """What counts lines of a log group for ``alarms`` and ``dashboard``: ``aws.cloudwatch.LogMetricFilter``."""
    alarm: Transform
    """Each alarm, if ``alarms`` is set: ``aws.cloudwatch.MetricAlarm``."""
    dashboard: Transform
    """The dashboard, if ``dashboard`` is true: ``aws.cloudwatch.Dashboard``."""


class TransformError(pulumi.RunError):
    """A transform cannot be used. Pulumi prints it without a stack trace."""


def check_transforms(transforms: Transforms) -> None:
    """Refuse a transform that would never be applied.

    Raises:
        TransformError: The kind is unknown, or the transform is neither a mapping nor a function.
    """
    kinds = Transforms.__annotations__
    for kind, transform in transforms.items():
        if kind not in kinds:
            raise TransformError(
                f"transforms has an unknown kind of resource: {kind!r}. Use one of {', '.join(sorted(kinds))}."
            )
        if not isinstance(transform, Mapping) and not callable(transform):
            raise TransformError(
                f"transforms[{kind!r}] is {transform!r}, which is neither a mapping nor a function. Use a mapping of "
                f"arguments to merge, or a function of (args, opts, name)."
            )


def apply_transform(transform: Transform, args: dict[str, Any], opts: pulumi.ResourceOptions, name: str) -> None:
    """Change the arguments and options of a resource, in place.

    Raises:
        TransformError: The function returned something, which would be lost.
    """
    if isinstance(transform, Mapping):
        args.update(transform)
        return
    result: object = transform(args, opts, name)
    if result is not None:
        raise TransformError(
            f"The transform of {name} returned {type(result).__name__}, which would be lost. Change the arguments and "
            f"options in place, and return nothing."
        )


def check_fixed(fixed: Mapping[str, Any], args: Mapping[str, Any], name: str) -> None:
    """Refuse a transform that changed what other resources rely on.

    Raises:
        TransformError: A fixed argument is not as it was, or a fixed mapping has lost an entry.
    """
    for key, value in fixed.items():
        found = args.get(key)
        kept = isinstance(value, Mapping) and isinstance(found, Mapping) and value.items() <= found.items()
        if found != value and not kept:
            raise TransformError(
                f"The transform of {name} changed {key}, which the functions or other resources rely on. Leave "
                f"{key} = {value!r} as it is. If an argument of the component sets it, change that."
            )
