"""API Gateway: the API and everything that belongs to one."""

from dataclasses import dataclass
from typing import Any

from local.emulator import Emulator

from .inputs import Inputs, Names, Properties, UnsupportedError, named, only
from .resource import Resource, retag

_API = {
    "Name": "name",
    "ProtocolType": "protocolType",
    "RouteSelectionExpression": "routeSelectionExpression",
    "Tags": "tags",
}
_ACCESS_LOGS = {"DestinationArn": "destinationArn", "Format": "format"}
_DOMAIN = {"CertificateArn": "certificateArn", "EndpointType": "endpointType", "SecurityPolicy": "securityPolicy"}
_MAPPING = {"ApiId": "apiId", "DomainName": "domainName", "Stage": "stage"}
_THROTTLING = {"ThrottlingRateLimit": "throttlingRateLimit", "ThrottlingBurstLimit": "throttlingBurstLimit"}


class Api(Resource):
    """An API."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        created = emulator.client("apigatewayv2").create_api(**inputs.taken(_API))
        return str(created["ApiId"])

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        apis = emulator.client("apigatewayv2")
        try:
            found = apis.get_api(ApiId=resource_id)
        except apis.exceptions.NotFoundException:
            return None
        region, account = apis.meta.region_name, emulator.client("sts").get_caller_identity()["Account"]
        return named(found, _API) | {
            "arn": _arn(emulator, resource_id),
            "executionArn": f"arn:aws:execute-api:{region}:{account}:{resource_id}",
            # Use the emulator's address with a path: names below localhost do not resolve everywhere.
            "apiEndpoint": f"{emulator.endpoint.replace('http', 'ws', 1)}/_aws/execute-api/{resource_id}",
        }

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        apis = emulator.client("apigatewayv2")
        _retag(emulator, _arn(emulator, resource_id), changed)
        names = {api: name for api, name in _API.items() if api not in {"Tags", "ProtocolType"}}
        if values := changed.taken(names):
            apis.update_api(ApiId=resource_id, **values)

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("apigatewayv2").delete_api(ApiId=resource_id)


@dataclass(frozen=True)
class Part(Resource):
    """What belongs to an API and has an id there, such as a route.

    Attributes:
        kind: What the AWS API calls it: ``route``.
        names: Names of its properties.
        own: Inputs that belong to Pulumi. The AWS API does not know them.
    """

    kind: str
    names: Names
    own: tuple[str, ...] = ()

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        for name in self.own:
            inputs.take(name)
        created = self._call(emulator, "create", **inputs.taken({"ApiId": "apiId"} | dict(self.names)))
        return str(created[self._id])

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        api, _, part = resource_id.rpartition("/")
        api = api or known["apiId"]
        try:
            found = self._call(emulator, "get", **{"ApiId": api, self._id: part})
        except emulator.client("apigatewayv2").exceptions.NotFoundException:
            return None
        return {"id": part, "apiId": api} | named(found, self.names)

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        # An empty text takes a value away.
        taken = {api: changed.take(name) for api, name in self.names.items() if name in changed}
        values = {api: "" if value is None else value for api, value in taken.items()}
        self._call(emulator, "update", **{"ApiId": known["apiId"], self._id: resource_id}, **values)

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        self._call(emulator, "delete", **{"ApiId": known["apiId"], self._id: resource_id})

    @property
    def _id(self) -> str:
        return f"{self.kind.capitalize()}Id"

    def _call(self, emulator: Emulator, verb: str, **arguments: object) -> Properties:
        call: Any = getattr(emulator.client("apigatewayv2"), f"{verb}_{self.kind}")
        answer: Properties = call(**arguments)
        return answer


class Deployment(Part):
    """A deployment of an API. A stage uses it."""

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        # API Gateway says so of REST APIs, and nothing of WebSocket APIs. The emulator would delete it.
        # https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteDeployment.html
        stages = emulator.client("apigatewayv2").get_stages(ApiId=known["apiId"])["Items"]
        if resource_id in {stage.get("DeploymentId") for stage in stages}:
            raise UnsupportedError("Active stages pointing to this deployment must be moved or deleted")
        super().delete(emulator, resource_id, known)


class Stage(Resource):
    """A stage of an API. Its name is its id."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        names = {"ApiId": "apiId", "StageName": "name", "DeploymentId": "deploymentId", "Tags": "tags"}
        settings = only(inputs.part("defaultRouteSettings"), _THROTTLING)
        created = emulator.client("apigatewayv2").create_stage(
            **inputs.taken(names),
            DefaultRouteSettings=settings,
            AccessLogSettings=_access_logs(emulator, inputs),
        )
        return str(created["StageName"])

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        api, _, name = resource_id.rpartition("/")
        api = api or known["apiId"]
        apis = emulator.client("apigatewayv2")
        try:
            found = apis.get_stage(ApiId=api, StageName=name)
        except apis.exceptions.NotFoundException:
            return None
        stage = named(found, {"StageName": "name", "DeploymentId": "deploymentId", "Tags": "tags"})
        endpoint = f"{emulator.endpoint.replace('http', 'ws', 1)}/_aws/execute-api/{api}/{name}"
        return stage | {
            "id": name,
            "apiId": api,
            "arn": _arn(emulator, f"{api}/stages/{name}"),
            "invokeUrl": endpoint,
            "defaultRouteSettings": named(found.get("DefaultRouteSettings", {}), _THROTTLING),
            "accessLogSettings": named(found.get("AccessLogSettings", {}), _ACCESS_LOGS) or None,
        }

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        api = known["apiId"]
        _retag(emulator, _arn(emulator, f"{api}/stages/{resource_id}"), changed)
        values = changed.taken({"DeploymentId": "deploymentId"})
        if "defaultRouteSettings" in changed:
            values["DefaultRouteSettings"] = only(changed.part("defaultRouteSettings"), _THROTTLING)
        if "accessLogSettings" in changed:
            # Without settings, the provider sends an empty object.
            values["AccessLogSettings"] = _access_logs(emulator, changed)
        if values:
            emulator.client("apigatewayv2").update_stage(ApiId=api, StageName=resource_id, **values)

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        # The emulator would delete it. https://github.com/hashicorp/terraform-provider-aws/issues/41651
        apis = emulator.client("apigatewayv2")
        for domain in apis.get_domain_names()["Items"]:
            for mapping in apis.get_api_mappings(DomainName=domain["DomainName"])["Items"]:
                if (mapping["ApiId"], mapping["Stage"]) == (known["apiId"], resource_id):
                    raise UnsupportedError(
                        f"Deleting stage {resource_id} failed. Please remove all base path mappings related to the "
                        f"stage in your domains: {domain['DomainName']}"
                    )
        apis.delete_stage(ApiId=known["apiId"], StageName=resource_id)


def _access_logs(emulator: Emulator, inputs: Inputs) -> Properties:
    """The settings of the access logs. AWS refuses them while the account has no role for them."""
    settings = only(inputs.part("accessLogSettings"), _ACCESS_LOGS)
    if settings and not emulator.client("apigateway").get_account().get("cloudwatchRoleArn"):
        raise UnsupportedError("CloudWatch Logs role ARN must be set in account settings to enable logging")
    return settings


class DomainName(Resource):
    """A domain of one's own. It is its id."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        names = {"DomainName": "domainName", "Tags": "tags"}
        configuration = only(inputs.part("domainNameConfiguration"), _DOMAIN)
        created = emulator.client("apigatewayv2").create_domain_name(
            **inputs.taken(names), DomainNameConfigurations=[configuration]
        )
        return str(created["DomainName"])

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        apis = emulator.client("apigatewayv2")
        try:
            found = apis.get_domain_name(DomainName=resource_id)
        except apis.exceptions.NotFoundException:
            return None
        outputs = {"ApiGatewayDomainName": "targetDomainName", "HostedZoneId": "hostedZoneId"}
        return {
            "arn": _arn(emulator, resource_id, "domainnames"),
            "domainName": resource_id,
            "domainNameConfiguration": named(found["DomainNameConfigurations"][0], _DOMAIN | outputs),
            "tags": found.get("Tags", {}),
        }

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        _retag(emulator, _arn(emulator, resource_id, "domainnames"), changed)
        if "domainNameConfiguration" in changed:
            configuration = only(changed.part("domainNameConfiguration"), _DOMAIN)
            emulator.client("apigatewayv2").update_domain_name(
                DomainName=resource_id, DomainNameConfigurations=[configuration]
            )

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("apigatewayv2").delete_domain_name(DomainName=resource_id)


class ApiMapping(Resource):
    """The mapping of a domain to a stage."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        created = emulator.client("apigatewayv2").create_api_mapping(**inputs.taken(_MAPPING))
        return str(created["ApiMappingId"])

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        mapping, _, domain = resource_id.partition("/")
        domain = domain or known["domainName"]
        apis = emulator.client("apigatewayv2")
        try:
            found = apis.get_api_mapping(DomainName=domain, ApiMappingId=mapping)
        except apis.exceptions.NotFoundException:
            return None
        return {"id": mapping, "domainName": domain} | named(found, _MAPPING)

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        emulator.client("apigatewayv2").update_api_mapping(
            ApiId=known["apiId"], DomainName=known["domainName"], ApiMappingId=resource_id, Stage=changed.take("stage")
        )

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("apigatewayv2").delete_api_mapping(DomainName=known["domainName"], ApiMappingId=resource_id)


def _arn(emulator: Emulator, path: str, kind: str = "apis") -> str:
    return f"arn:aws:apigateway:{emulator.client('apigatewayv2').meta.region_name}::/{kind}/{path}"


def _retag(emulator: Emulator, arn: str, changed: Inputs) -> None:
    apis = emulator.client("apigatewayv2")
    retag(
        changed,
        lambda: apis.get_tags(ResourceArn=arn)["Tags"],
        lambda new: apis.tag_resource(ResourceArn=arn, Tags=new),
        lambda gone: apis.untag_resource(ResourceArn=arn, TagKeys=gone),
    )


TYPES: dict[str, Resource] = {
    "aws:apigatewayv2/api:Api": Api(),
    "aws:apigatewayv2/authorizer:Authorizer": Part(
        "authorizer",
        {
            "Name": "name",
            "AuthorizerType": "authorizerType",
            "AuthorizerUri": "authorizerUri",
            "IdentitySource": "identitySources",
        },
    ),
    "aws:apigatewayv2/apiMapping:ApiMapping": ApiMapping(),
    "aws:apigatewayv2/domainName:DomainName": DomainName(),
    # Pulumi replaces a deployment when its triggers change.
    "aws:apigatewayv2/deployment:Deployment": Deployment("deployment", {}, own=("triggers",)),
    "aws:apigatewayv2/integration:Integration": Part(
        "integration",
        {
            "IntegrationType": "integrationType",
            "IntegrationMethod": "integrationMethod",
            "IntegrationUri": "integrationUri",
        },
    ),
    "aws:apigatewayv2/route:Route": Part(
        "route",
        {
            "RouteKey": "routeKey",
            "Target": "target",
            "AuthorizationType": "authorizationType",
            "AuthorizerId": "authorizerId",
        },
    ),
    "aws:apigatewayv2/stage:Stage": Stage(),
}
