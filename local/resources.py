"""Creates the program's resources in the emulator, as the AWS provider would. One function per resource type."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pulumi

from .emulator import Emulator

Properties = dict[str, Any]


class UnsupportedError(Exception):
    """The program uses something that this module cannot create."""


class Inputs:
    """The inputs of a resource. An input that no code takes is an error, so that nothing is dropped silently."""

    def __init__(self, what: str, values: Properties) -> None:
        """Wrap the inputs.

        Args:
            what: The resource or its part, for error messages.
            values: Inputs by name.
        """
        self._what = what
        self._values = values
        self._left = set(values)

    def take(self, name: str) -> Any:  # noqa: ANN401 - inputs are of any type
        """Return the value of an input, or ``None`` if it is not given."""
        self._left.discard(name)
        return self._values.get(name)

    def part(self, name: str) -> "Inputs":
        """Return a nested object, empty if it is not given. Close it as well."""
        return Inputs(f"{self._what}.{name}", self.take(name) or {})

    def parts(self, name: str) -> list["Inputs"]:
        """Return a list of nested objects. Close each."""
        return [Inputs(f"{self._what}.{name}[{n}]", part) for n, part in enumerate(self.take(name) or [])]

    def taken(self, **names: str) -> Properties:
        """Take inputs under the names of the AWS API, as ``Api=input``. Inputs that are not given are left out."""
        return {api: value for api, name in names.items() if (value := self.take(name)) is not None}

    def close(self) -> None:
        """Check that every input was taken.

        Raises:
            UnsupportedError: An input was not taken.
        """
        if self._left:
            raise UnsupportedError(
                f"{self._what}: the emulator would not get {', '.join(sorted(self._left))}. "
                "Pass it on in local/resources.py"
            )


def only(part: Inputs, **names: str) -> Properties:
    """Return all inputs of a part under the names of the AWS API."""
    properties = part.taken(**names)
    part.close()
    return properties


def create(emulator: Emulator, resource_type: str, name: str, values: Properties) -> tuple[str, Properties]:
    """Create a resource.

    Args:
        emulator: Where to create it.
        resource_type: Its type in Pulumi, such as ``aws:dynamodb/table:Table``.
        name: Name of the resource in the program.
        values: Its inputs by their names in Pulumi. All values are known.

    Returns:
        The id, and the outputs from the emulator.

    Raises:
        UnsupportedError: This module does not know the type or one of the inputs.
    """
    creator = _CREATORS.get(resource_type)
    if creator is None:
        raise UnsupportedError(
            f"{name}: {resource_type} cannot be created in the emulator. Add it to local/resources.py"
        )
    inputs = Inputs(name, values)
    resource_id, outputs = creator(emulator, inputs)
    inputs.close()
    return resource_id, outputs


def look_up(emulator: Emulator, function: str, values: Properties) -> Properties:
    """Answer a function of the AWS provider.

    Raises:
        UnsupportedError: This module does not know the function.
        LookupError: The resource does not exist.
    """
    if function != "aws:dynamodb/getTable:getTable":
        raise UnsupportedError(f"{function} cannot be called in the emulator. Add it to local/resources.py")
    dynamodb = emulator.client("dynamodb")
    try:
        table = dynamodb.describe_table(TableName=values["name"])["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        raise LookupError("couldn't find resource") from None
    key = _keys(table["KeySchema"])
    return {
        "arn": table["TableArn"],
        "name": table["TableName"],
        "hashKey": key["HASH"],
        "rangeKey": key.get("RANGE", ""),
        "globalSecondaryIndexes": [
            {
                "name": index["IndexName"],
                "hashKey": _keys(index["KeySchema"])["HASH"],
                "rangeKey": _keys(index["KeySchema"]).get("RANGE", ""),
                "projectionType": index["Projection"]["ProjectionType"],
            }
            for index in table.get("GlobalSecondaryIndexes", [])
        ],
    }


def _keys(schema: list[dict[str, str]]) -> dict[str, str]:
    return {key["KeyType"]: key["AttributeName"] for key in schema}


def _tag_list(inputs: Inputs) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in (inputs.take("tags") or {}).items()]


def _table(emulator: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    dynamodb = emulator.client("dynamodb")
    name = inputs.take("name")
    indexes = []
    for index in inputs.parts("globalSecondaryIndexes"):
        keys = [only(key, AttributeName="attributeName", KeyType="keyType") for key in index.parts("keySchemas")]
        projection = index.taken(ProjectionType="projectionType", NonKeyAttributes="nonKeyAttributes")
        indexes.append(only(index, IndexName="name") | {"KeySchema": keys, "Projection": projection})
    stream = inputs.taken(StreamEnabled="streamEnabled", StreamViewType="streamViewType")
    created = dynamodb.create_table(
        TableName=name,
        BillingMode=inputs.take("billingMode"),
        KeySchema=[{"AttributeName": inputs.take("hashKey"), "KeyType": "HASH"}],
        AttributeDefinitions=[
            only(attribute, AttributeName="name", AttributeType="type") for attribute in inputs.parts("attributes")
        ],
        GlobalSecondaryIndexes=indexes,
        SSESpecification=only(inputs.part("serverSideEncryption"), Enabled="enabled", KMSMasterKeyId="kmsKeyArn"),
        DeletionProtectionEnabled=inputs.take("deletionProtectionEnabled"),
        Tags=_tag_list(inputs),
        **({"StreamSpecification": stream} if stream else {}),
    )["TableDescription"]
    if ttl := only(inputs.part("ttl"), Enabled="enabled", AttributeName="attributeName"):
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)
    recovery = only(inputs.part("pointInTimeRecovery"), PointInTimeRecoveryEnabled="enabled")
    dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    return name, {"arn": created["TableArn"], "streamArn": created.get("LatestStreamArn")}


def _role(emulator: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    role = emulator.client("iam").create_role(
        **inputs.taken(RoleName="name", AssumeRolePolicyDocument="assumeRolePolicy"), Tags=_tag_list(inputs)
    )["Role"]
    return role["RoleName"], {"arn": role["Arn"]}


def _role_policy(emulator: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    policy = inputs.taken(RoleName="role", PolicyName="name", PolicyDocument="policy")
    emulator.client("iam").put_role_policy(**policy)
    return f"{policy['RoleName']}:{policy['PolicyName']}", {}


def _log_group(emulator: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    logs = emulator.client("logs")
    name = inputs.take("name")
    logs.create_log_group(logGroupName=name, tags=inputs.take("tags") or {}, **inputs.taken(kmsKeyId="kmsKeyId"))
    if days := inputs.take("retentionInDays"):
        logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return name, {"arn": group["arn"].removesuffix(":*")}


def _function(emulator: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    functions = emulator.client("lambda")
    concurrency = inputs.take("reservedConcurrentExecutions")
    inputs.take("layers")  # See _layer_version.
    configuration = functions.create_function(
        **inputs.taken(
            FunctionName="name",
            Role="role",
            Runtime="runtime",
            Architectures="architectures",
            Handler="handler",
            MemorySize="memorySize",
            Timeout="timeout",
            Tags="tags",
        ),
        Code={"ZipFile": _zip(inputs.take("code"))},
        Environment=only(inputs.part("environment"), Variables="variables"),
        LoggingConfig=only(inputs.part("loggingConfig"), LogFormat="logFormat", LogGroup="logGroup"),
        TracingConfig=only(inputs.part("tracingConfig"), Mode="mode"),
    )
    name, arn = configuration["FunctionName"], configuration["FunctionArn"]
    if concurrency >= 0:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=concurrency)
    invoke_arn = f"arn:aws:apigateway:{functions.meta.region_name}:lambda:path/2015-03-31/functions/{arn}/invocations"
    return name, {"arn": arn, "invokeArn": invoke_arn}


def _layer_version(_: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    # The functions run in this Python environment, which has the same versions of the same libraries. The layer itself
    # may be built for another platform.
    for name in ("code", "description", "compatibleRuntimes", "compatibleArchitectures"):
        inputs.take(name)
    name = inputs.take("layerName")
    return name, {"arn": name}


def _zip(archive: pulumi.AssetArchive) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        for path, asset in archive.assets.items():
            if not isinstance(asset, pulumi.FileAsset):
                raise UnsupportedError(f"{path} in a function's package is not a file. Use a FileAsset")
            package.write(asset.path, path)
    return packed.getvalue()


def _event_invoke_config(emulator: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    destinations = inputs.part("destinationConfig")
    on_failure = only(destinations.part("onFailure"), Destination="destination")
    destinations.close()
    config = inputs.taken(
        FunctionName="functionName",
        MaximumRetryAttempts="maximumRetryAttempts",
        MaximumEventAgeInSeconds="maximumEventAgeInSeconds",
    )
    emulator.client("lambda").put_function_event_invoke_config(**config, DestinationConfig={"OnFailure": on_failure})
    return config["FunctionName"], {}


def _event_source_mapping(emulator: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    destinations, criteria = inputs.part("destinationConfig"), inputs.part("filterCriteria")
    on_failure = only(destinations.part("onFailure"), Destination="destinationArn")
    filters = [only(one, Pattern="pattern") for one in criteria.parts("filters")]
    destinations.close()
    criteria.close()
    mapping = inputs.taken(
        EventSourceArn="eventSourceArn",
        FunctionName="functionName",
        StartingPosition="startingPosition",
        BatchSize="batchSize",
        MaximumBatchingWindowInSeconds="maximumBatchingWindowInSeconds",
        MaximumRecordAgeInSeconds="maximumRecordAgeInSeconds",
        MaximumRetryAttempts="maximumRetryAttempts",
        BisectBatchOnFunctionError="bisectBatchOnFunctionError",
        Tags="tags",
    )
    created = emulator.client("lambda").create_event_source_mapping(
        **mapping, DestinationConfig={"OnFailure": on_failure}, FilterCriteria={"Filters": filters}
    )
    return created["UUID"], {}


def _queue(emulator: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    queues = emulator.client("sqs")
    attributes = inputs.taken(
        MessageRetentionPeriod="messageRetentionSeconds",
        SqsManagedSseEnabled="sqsManagedSseEnabled",
        KmsMasterKeyId="kmsMasterKeyId",
    )
    created = queues.create_queue(
        QueueName=inputs.take("name"),
        Attributes={
            name: json.dumps(value) if isinstance(value, bool) else str(value) for name, value in attributes.items()
        },
        tags=inputs.take("tags") or {},
    )
    url = created["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, {"arn": arn, "url": url}


def _permission(emulator: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    permission = inputs.taken(Action="action", FunctionName="function", Principal="principal", SourceArn="sourceArn")
    statement = "-".join(permission["SourceArn"].rpartition("/")[2].split("$"))
    emulator.client("lambda").add_permission(**permission, StatementId=f"Allow{statement}")
    return statement, {}


def _api(emulator: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    created = emulator.client("apigatewayv2").create_api(
        **inputs.taken(
            Name="name",
            ProtocolType="protocolType",
            RouteSelectionExpression="routeSelectionExpression",
            Tags="tags",
        )
    )
    api_id = created["ApiId"]
    account = emulator.client("sts").get_caller_identity()["Account"]
    region = emulator.client("sts").meta.region_name
    return api_id, {
        "executionArn": f"arn:aws:execute-api:{region}:{account}:{api_id}",
        # Use the emulator's address with a path: names below localhost do not resolve everywhere.
        "apiEndpoint": f"{emulator.endpoint.replace('http', 'ws', 1)}/_aws/execute-api/{api_id}",
    }


def _integration(emulator: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    created = emulator.client("apigatewayv2").create_integration(
        **inputs.taken(
            ApiId="apiId",
            IntegrationType="integrationType",
            IntegrationMethod="integrationMethod",
            IntegrationUri="integrationUri",
        )
    )
    return created["IntegrationId"], {}


def _route(emulator: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    created = emulator.client("apigatewayv2").create_route(
        **inputs.taken(
            ApiId="apiId",
            RouteKey="routeKey",
            Target="target",
            AuthorizationType="authorizationType",
            AuthorizerId="authorizerId",
        )
    )
    return created["RouteId"], {}


def _authorizer(emulator: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    created = emulator.client("apigatewayv2").create_authorizer(
        **inputs.taken(
            ApiId="apiId",
            Name="name",
            AuthorizerType="authorizerType",
            AuthorizerUri="authorizerUri",
            IdentitySource="identitySources",
        )
    )
    return created["AuthorizerId"], {}


def _deployment(emulator: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    inputs.take("triggers")  # They belong to Pulumi: it replaces the deployment when they change.
    created = emulator.client("apigatewayv2").create_deployment(**inputs.taken(ApiId="apiId"))
    return created["DeploymentId"], {}


def _stage(emulator: Emulator, inputs: Inputs) -> tuple[str, Properties]:
    settings = only(
        inputs.part("defaultRouteSettings"),
        ThrottlingRateLimit="throttlingRateLimit",
        ThrottlingBurstLimit="throttlingBurstLimit",
    )
    stage = inputs.taken(ApiId="apiId", StageName="name", DeploymentId="deploymentId", Tags="tags")
    emulator.client("apigatewayv2").create_stage(**stage, DefaultRouteSettings=settings)
    return stage["StageName"], {}


_CREATORS: dict[str, Callable[[Emulator, Inputs], tuple[str, Properties]]] = {
    "aws:apigatewayv2/api:Api": _api,
    "aws:apigatewayv2/authorizer:Authorizer": _authorizer,
    "aws:apigatewayv2/deployment:Deployment": _deployment,
    "aws:apigatewayv2/integration:Integration": _integration,
    "aws:apigatewayv2/route:Route": _route,
    "aws:apigatewayv2/stage:Stage": _stage,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:dynamodb/table:Table": _table,
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:lambda/eventSourceMapping:EventSourceMapping": _event_source_mapping,
    "aws:lambda/function:Function": _function,
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": _event_invoke_config,
    "aws:lambda/layerVersion:LayerVersion": _layer_version,
    "aws:lambda/permission:Permission": _permission,
    "aws:sqs/queue:Queue": _queue,
}
