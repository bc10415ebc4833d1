"""The WebSocket API: its routes, integrations, authorizer, deployment and stage, and its addresses."""

import hashlib
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from .access_logs import FORMAT
from .arguments import Authentication
from .functions import AUTHORIZER, ROUTES, FunctionConfig
from .part import Part
from .transforms import check_fixed


class Api(Part):
    """The API and everything that belongs to it."""

    def api(self) -> aws.apigatewayv2.Api:
        """Make the API."""
        args = aws.apigatewayv2.ApiArgs(
            name=f"{self.settings.name_prefix}Api",
            protocol_type="WEBSOCKET",
            route_selection_expression="$request.body.action",
            tags=self.settings.tags,
        )
        # Clients know its id: it is in the URL.
        opts = pulumi.ResourceOptions(protect=self.protected)
        return self.children.make(aws.apigatewayv2.Api, "api", "api", args, opts)

    def authorizer(
        self, api: aws.apigatewayv2.Api, functions: dict[str, aws.lambda_.Function]
    ) -> aws.apigatewayv2.Authorizer | None:
        """Make the authorizer of the handshake, if there is an authorizer function."""
        function = functions.get(AUTHORIZER.key)
        if not function:
            return None
        args = aws.apigatewayv2.AuthorizerArgs(
            api_id=api.id,
            name=f"{self.settings.name_prefix}Authorizer",
            authorizer_type="REQUEST",
            authorizer_uri=function.invoke_arn,
            # API Gateway would refuse a handshake that lacks an identity source before it calls the function. The token
            # may be in one of several places.
            identity_sources=[],
        )
        return self.children.make(aws.apigatewayv2.Authorizer, "authorizer", "authorizer", args)

    def integrations(
        self, api: aws.apigatewayv2.Api, functions: dict[str, aws.lambda_.Function]
    ) -> dict[str, aws.apigatewayv2.Integration]:
        """Make the integration that runs the function of each route."""
        return {
            route.key: self.children.make(
                aws.apigatewayv2.Integration,
                "integration",
                f"{route.child}-integration",
                aws.apigatewayv2.IntegrationArgs(
                    api_id=api.id,
                    integration_type="AWS_PROXY",
                    integration_method="POST",
                    integration_uri=functions[route.key].invoke_arn,
                ),
                pulumi.ResourceOptions(protect=False),
            )
            for route in ROUTES
        }

    def routes(
        self,
        api: aws.apigatewayv2.Api,
        integrations: dict[str, aws.apigatewayv2.Integration],
        authorizer: aws.apigatewayv2.Authorizer | None,
    ) -> dict[str, aws.apigatewayv2.Route]:
        """Make the routes. API Gateway authorizes the handshake only; the result holds for the connection."""
        return {
            route.key: self.children.make(
                aws.apigatewayv2.Route,
                "route",
                f"{route.child}-route",
                aws.apigatewayv2.RouteArgs(
                    api_id=api.id,
                    route_key=route.key,
                    target=pulumi.Output.concat("integrations/", integrations[route.key].id),
                    authorization_type=self._authorization_type if route.key == "$connect" else "NONE",
                    authorizer_id=authorizer.id if authorizer and route.key == "$connect" else None,
                ),
                pulumi.ResourceOptions(protect=False),
            )
            for route in ROUTES
        }

    @property
    def _authorization_type(self) -> str:
        return {Authentication.JWT: "CUSTOM", Authentication.IAM: "AWS_IAM", Authentication.NONE: "NONE"}[
            Authentication(self.settings.authentication)
        ]

    def permissions(
        self,
        api: aws.apigatewayv2.Api,
        functions: dict[str, aws.lambda_.Function],
        authorizer: aws.apigatewayv2.Authorizer | None,
    ) -> dict[str, aws.lambda_.Permission]:
        """Let the API invoke the function of each route, and the authorizer."""
        callers: dict[FunctionConfig, pulumi.Input[str]] = {
            route: f"{self.settings.stage_name}/{route.key}" for route in ROUTES
        }
        if authorizer:
            callers[AUTHORIZER] = pulumi.Output.concat("authorizers/", authorizer.id)
        return {
            function.key: self.children.make(
                aws.lambda_.Permission,
                "permission",
                f"{function.child}-permission",
                aws.lambda_.PermissionArgs(
                    action="lambda:InvokeFunction",
                    function=functions[function.key].name,
                    principal="apigateway.amazonaws.com",
                    source_arn=pulumi.Output.concat(api.execution_arn, "/", caller),
                ),
                pulumi.ResourceOptions(protect=False),
            )
            for function, caller in callers.items()
        }

    def deployment(
        self, api: aws.apigatewayv2.Api, routes: dict[str, aws.apigatewayv2.Route]
    ) -> aws.apigatewayv2.Deployment:
        """Deploy the API: again only when an argument of a route, an integration or the authorizer changes."""
        names = [f"{route.child}-{part}" for route in ROUTES for part in ("integration", "route")]
        deployed = [
            {key: value for key, value in self.children.arguments[name].items() if key not in {"api_id", "name"}}
            for name in ["authorizer", *names]
            if name in self.children.arguments
        ]
        text: pulumi.Output[str] = pulumi.Output.json_dumps(deployed, sort_keys=True)
        args = aws.apigatewayv2.DeploymentArgs(api_id=api.id, triggers={"inputs": text.apply(_digest)})
        opts = pulumi.ResourceOptions(depends_on=[*routes.values()], protect=False)
        return self.children.make(aws.apigatewayv2.Deployment, "deployment", "deployment", args, opts)

    def stage(
        self,
        api: aws.apigatewayv2.Api,
        deployment: aws.apigatewayv2.Deployment,
        *,
        access_logs: aws.cloudwatch.LogGroup | None,
        after: Sequence[pulumi.Resource | None],
    ) -> aws.apigatewayv2.Stage:
        """Make the stage. It comes last, so that everything exists when the first client connects."""
        args = aws.apigatewayv2.StageArgs(
            api_id=api.id,
            name=self.settings.stage_name,
            deployment_id=deployment.id,
            default_route_settings=aws.apigatewayv2.StageDefaultRouteSettingsArgs(
                throttling_rate_limit=self.settings.throttling_rate,
                throttling_burst_limit=self.settings.throttling_burst,
            ),
            access_log_settings=aws.apigatewayv2.StageAccessLogSettingsArgs(
                destination_arn=access_logs.arn, format=FORMAT
            )
            if access_logs
            else None,
            tags=self.settings.tags,
        )
        opts = pulumi.ResourceOptions(depends_on=[*filter(None, after)], delete_before_replace=False)
        return self.children.make(aws.apigatewayv2.Stage, "stage", "stage", args, opts, fixed={"name": args.name})

    def stage_name(self, stage: aws.apigatewayv2.Stage) -> pulumi.Output[str]:
        """Name of the stage, as the policies and functions expect it. They exist before the stage.

        Raises:
            TransformError: One of Pulumi's own transforms, such as a prefix for all names, changed it.
        """

        def check(found: str) -> str:
            check_fixed({"name": self.settings.stage_name}, {"name": found}, "the stage")
            return found

        return stage.name.apply(check)


def address(api: aws.apigatewayv2.Api, scheme: str, stage_name: pulumi.Input[str]) -> pulumi.Output[str]:
    """Address of a stage, at the API's own domain.

    Args:
        api: The API.
        scheme: ``ws`` or ``http``. An API whose endpoint is secure gives ``wss`` or ``https``.
        stage_name: Name of the stage. Give the stage's output if the address must wait for the stage.
    """
    secure = api.api_endpoint.apply(lambda endpoint: "s" if endpoint.startswith(("wss:", "https:")) else "")
    rest = api.api_endpoint.apply(lambda endpoint: endpoint.partition("://")[2])
    return pulumi.Output.concat(scheme, secure, "://", rest, "/", stage_name)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
