"""The functions: which ones there are, their logs, code and configuration."""

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from .arguments import Authentication, Settings
from .authorizer_layer import authorizer_layer
from .environment import Variables, authorizer_environment
from .part import Part
from .shared import HANDLERS

RUNTIME = "python3.13"
ARCHITECTURE = "arm64"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionConfig:
    """A function.

    Attributes:
        key: The key of its route, or a word for its background work. The outputs and attributes of the component use
            this key.
        name: End of its physical name.
        module: Its module in ``handlers/``.
    """

    key: str
    name: str
    module: str

    @property
    def child(self) -> str:
        """Start of the names of its resources within the component."""
        return self.module.replace("_", "-")

    def physical_name(self, settings: Settings) -> str:
        """Name of the function in AWS."""
        return f"{settings.name_prefix}{self.name}"


SEND_MESSAGE = FunctionConfig(key="sendMessage", name="SendMessage", module="send_message")
ROUTES = (
    FunctionConfig(key="$connect", name="Connect", module="connect"),
    FunctionConfig(key="$disconnect", name="Disconnect", module="disconnect"),
    SEND_MESSAGE,
    FunctionConfig(key="$default", name="Default", module="default"),
)
BROADCAST = FunctionConfig(key="broadcast", name="Broadcast", module="broadcast")
PRESENCE = FunctionConfig(key="presence", name="Presence", module="presence_events")
AUTHORIZER = FunctionConfig(key="authorizer", name="Authorize", module="authorizer")
PUBLISH = FunctionConfig(key="publish", name="Publish", module="publish")
ALL = (*ROUTES, BROADCAST, PRESENCE, AUTHORIZER, PUBLISH)
"""All functions that there may be."""


class Functions(Part):
    """The functions, with their log groups and the layer."""

    @property
    def deployed(self) -> tuple[FunctionConfig, ...]:
        """The functions that the settings need."""
        presence = (PRESENCE,) if self.settings.presence else ()
        authorizer = (AUTHORIZER,) if self.settings.authentication == Authentication.JWT else ()
        publish = (PUBLISH,) if self.settings.publish else ()
        return (*ROUTES, BROADCAST, *presence, *authorizer, *publish)

    def log_groups(self) -> dict[str, aws.cloudwatch.LogGroup]:
        """Make each function's log group. Lambda would make its own, which keeps logs for ever."""
        return {
            function.key: self.children.make(
                aws.cloudwatch.LogGroup,
                "log_group",
                f"{function.child}-logs",
                aws.cloudwatch.LogGroupArgs(
                    name=f"/aws/lambda/{function.physical_name(self.settings)}",
                    retention_in_days=self.settings.log_retention_days,
                    kms_key_id=self.kms_key_arn,
                    tags=self.settings.tags,
                ),
                pulumi.ResourceOptions(delete_before_replace=False),
            )
            for function in self.deployed
        }

    def authorizer_layer(self) -> aws.lambda_.LayerVersion | None:
        """Make the authorizer's layer, if there is an authorizer.

        Raises:
            AuthorizerLayerError: It cannot be built.
        """
        if AUTHORIZER not in self.deployed:
            return None
        args = aws.lambda_.LayerVersionArgs(
            layer_name=f"{self.settings.name_prefix}Authorizer",
            description="The library that verifies tokens",
            code=authorizer_layer(),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURE],
        )
        opts = pulumi.ResourceOptions(protect=False)
        return self.children.make(aws.lambda_.LayerVersion, "authorizer_layer", "authorizer-layer", args, opts)

    def functions(
        self,
        *,
        role: aws.iam.Role,
        log_groups: dict[str, aws.cloudwatch.LogGroup],
        layer: aws.lambda_.LayerVersion | None,
        variables: Variables,
        after: Iterable[pulumi.Resource],
    ) -> dict[str, aws.lambda_.Function]:
        """Make the functions that share the role: all of them but the back end's.

        Lambda refuses to trace for a role that may not send traces, so they come after the policies.
        """
        code, after = _code(), [*after]

        def make(config: FunctionConfig, own: Variables) -> aws.lambda_.Function:
            layers = [layer.arn] if layer and config is AUTHORIZER else None
            return self._function(config, code, role, log_groups[config.key], own, after, layers)

        # It comes first, because the others start it by its name, which a transform may have changed.
        broadcast = make(BROADCAST, variables)
        of_others = variables | {"BROADCAST_FUNCTION": broadcast.name}
        return {
            config.key: broadcast
            if config is BROADCAST
            else make(config, authorizer_environment(self.settings) if config is AUTHORIZER else of_others)
            for config in self.deployed
            if config is not PUBLISH
        }

    def publish(
        self,
        *,
        role: aws.iam.Role | None,
        log_groups: dict[str, aws.cloudwatch.LogGroup],
        variables: Variables,
        broadcast: aws.lambda_.Function,
        after: Iterable[pulumi.Resource],
    ) -> dict[str, aws.lambda_.Function]:
        """Make the back end's function, if it has a role. Nothing may invoke it unless your policies allow it."""
        if not role:
            return {}
        own = variables | {"BROADCAST_FUNCTION": broadcast.name}
        return {PUBLISH.key: self._function(PUBLISH, _code(), role, log_groups[PUBLISH.key], own, after)}

    def _function(
        self,
        config: FunctionConfig,
        code: pulumi.AssetArchive,
        role: aws.iam.Role,
        log_group: aws.cloudwatch.LogGroup,
        variables: Variables,
        after: Iterable[pulumi.Resource],
        layers: list[pulumi.Output[str]] | None = None,
    ) -> aws.lambda_.Function:
        args = aws.lambda_.FunctionArgs(
            name=config.physical_name(self.settings),
            role=role.arn,
            runtime=RUNTIME,
            architectures=[ARCHITECTURE],
            handler=f"handlers.{config.module}.handler",
            code=code,
            memory_size=self.settings.memory_size,
            timeout=self.settings.timeout,
            reserved_concurrent_executions=self.settings.reserved_concurrency,
            environment=aws.lambda_.FunctionEnvironmentArgs(variables=variables),
            layers=layers,
            logging_config=aws.lambda_.FunctionLoggingConfigArgs(log_format="JSON", log_group=log_group.name),
            tracing_config=aws.lambda_.FunctionTracingConfigArgs(
                mode="Active" if self.settings.tracing else "PassThrough"
            ),
            tags=self.settings.tags,
        )
        # Otherwise another prefix would first delete the API's deployment with them, although the stage uses it.
        opts = pulumi.ResourceOptions(depends_on=[*after], delete_before_replace=False)
        return self.children.make(aws.lambda_.Function, "function", f"{config.child}-function", args, opts)


def _code() -> pulumi.AssetArchive:
    """The package of all functions. It contains only modules, so only a changed module causes a new upload."""
    return pulumi.AssetArchive(
        {
            f"handlers/{module.relative_to(HANDLERS).as_posix()}": pulumi.FileAsset(str(module))
            for module in sorted(HANDLERS.rglob("*.py"))
        }
    )
