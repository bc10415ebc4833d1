"""What the real AWS provider does with each resource type of the program and the examples: one table.

The real provider is pulumi-aws 7.51 (the wheel ``pulumi_aws`` 7.51.1). It is pulumi-terraform-bridge over
terraform-provider-aws v6. The table holds the facts that decide a plan: what replaces, what stays, what is unknown,
what the provider fills in, and what an id looks like.

Paths:
    A path has Pulumi's names: ``ephemeralStorage.size``. It leaves out the places of list elements:
    ``globalSecondaryIndexes.hashKey`` is that property of each index.

When a property replaces:
    A path in ``replaces`` replaces the resource if something adds the value, removes it or changes it. A block, which
    is an object with properties of its own, is an exception: only its addition and its removal replace. A change
    inside replaces only if its own path is in the table. So ``tenancyConfig`` is in the table and what is inside is
    not. Maps and lists of plain values are no blocks: each change of ``triggers`` replaces. Source: ``diffList``,
    ``diffSet`` and ``diffMap`` in helper/schema/schema.go of terraform-plugin-sdk v2.

``region``:
    Check fills it from the provider's ``aws:region`` if the resource has none, so it is never missing. Another region
    replaces. Sources: provider/region.go of pulumi-aws, ``forceNewIfRegionChanges`` in
    internal/provider/sdkv2/region.go of terraform-provider-aws. The resources of IAM and Route 53 have no region.

``tagsAll``:
    Check fills it, although it is an output: the provider's ``defaultTags`` with the resource's ``tags`` on top. It
    is an empty object if there are no tags. It is unknown in a preview only if a tag is unknown. Source:
    provider/tags.go of pulumi-aws.

Names and defaults:
    Check first fills ``autonamed`` if it is missing, then ``defaults``, and lists the names of what it filled in
    ``__defaults``. Each nested object has a ``__defaults`` of its own. If the old inputs list a name there, then the
    old value is used again. So an automatic name stays. A name that was given and is then left out becomes an
    automatic one, which replaces. A default or a name is not filled in if an input is given that conflicts with it:
    ``namePrefix`` conflicts with ``name``, ``statementIdPrefix`` with ``statementId``. An automatic name is the
    resource's name in the program, "-" and 7 random hexadecimal digits. Sources: ``applyDefaults`` in
    pkg/tfbridge/schema.go and ``FromName`` in pkg/tfbridge/names.go of pulumi-terraform-bridge,
    provider/autonaming.go and provider/resource_overrides.go of pulumi-aws.

What is deleted first:
    A replacement makes the new resource first and deletes the old one last. It is the other way round if the new
    inputs have the property that Pulumi can name, and ``__defaults`` does not list it. In other words: if the program
    names the resource. This holds even if the name itself is what changes. Without a list ``__defaults``, as in very
    old states, nothing is deleted first. Sources: ``Diff`` in pkg/tfbridge/provider.go and
    ``nameRequiresDeleteBeforeReplace`` in pkg/tfbridge/schema.go of pulumi-terraform-bridge. A type with the flag
    ``DeleteBeforeReplace`` is always deleted first. The bridge has one more rule: the list ``UniqueNameFields`` of a
    type. No type of this table has it. The resource option ``deleteBeforeReplace`` overrides all of this.

Import:
    Import takes each id of a type with a region also as ``ID@REGION``.

The Go sources, each read at a commit:
    terraform-provider-aws: api.go, domain_name.go, route.go and queue.go at 00a35305, record.go at 00655c16, stage.go
    at 02f6d2d9, authorizer.go at 01f43111, api_mapping.go (before it had a region) and deployment.go at 0576a142,
    integration.go at 03412d53, function.go at 0156d84e, permission.go at 04592f03, event_source_mapping.go at 0603f3b6,
    function_event_invoke_config.go at 01606926, bus.go at 01606926, rule.go at 0cdab4ae, target.go at 0762c41e,
    schedule.go at 02f524b9, metric_alarm.go at 055611a6, metric_filter.go at 0f14e6f6, dashboard.go at 0620f2a6,
    sdkv2/region.go at 0073593e. account.go was read at 184cd1ad, which is old. Later copies, whose commits are not
    known, were read of table.go, group.go, layer_version.go, policy.go, role.go, role_policy.go,
    role_policy_attachment.go, deployment.go and integration.go.
    pulumi-aws: resource_overrides.go at 015d3438, autonaming.go at 0c5f6583, region.go at 72bd5227, tags.go at
    1128bcae.
    pulumi-terraform-bridge: provider.go at 00001f16, schema.go at 0079b829, names.go at 0b686b6d.
    Not all of these are as new as the wheel. The wheel itself confirms ``inputs``, ``computed``, ``autonamed`` and
    the top level of ``keeps``. A comment marks what only the wheel has.
"""

import ast
import importlib.util
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """What the real provider does with one resource type."""

    name: str
    """Pulumi's name of the type, such as ``aws:dynamodb/table:Table``."""
    source: str
    """The file in hashicorp/terraform-provider-aws that declares it."""
    replaces: frozenset[str]
    """Paths whose change replaces the resource (ForceNew)."""
    keeps: frozenset[str] = frozenset()
    """Paths that keep their old value when they are left out (Optional and Computed).

    If one is left out of a new resource, it is unknown in the preview. ``autonamed`` and ``region`` are not here,
    because Check fills them.
    """
    autonamed: str | None = None
    """The property that Pulumi names if the program does not."""
    defaults: Mapping[str, object] = field(default_factory=dict)
    """What Check fills in, by path. A nested default applies only if the object around it is given.

    All defaults of the top level are here, and of the nested ones those of objects that the component uses.
    """
    recomputed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Outputs that a change of an input makes unknown, by the input."""
    deleted_first: bool = False
    """Whether a replacement always deletes the old one first (DeleteBeforeReplace)."""
    import_id: str
    """What import takes. ``{id}`` is the id that AWS gave."""
    state_id: str
    """The id in the state, which import also returns."""

    @cached_property
    def inputs(self) -> frozenset[str]:
        """All inputs of the top level, from the wheel."""
        return _properties(self._classes[f"{self._class}Args"])

    @cached_property
    def computed(self) -> frozenset[str]:
        """Outputs that are no inputs, from the wheel.

        In the preview of a new resource, all of them but ``tagsAll`` are unknown.
        """
        return _properties(self._classes[self._class]) - self.inputs

    @property
    def _class(self) -> str:
        return self.name.rpartition(":")[2]

    @cached_property
    def _classes(self) -> dict[str, ast.ClassDef]:
        # The source is read, not imported: to import one type loads all types of its service.
        spec = importlib.util.find_spec("pulumi_aws")
        if not spec or not spec.origin:
            raise ModuleNotFoundError("The wheel pulumi_aws is missing, so its types are unknown. Run: make chat")
        service, file = self.name.split(":")[1].split("/")
        package = "lambda_" if service == "lambda" else service
        module = re.sub("(?=[A-Z])", "_", file).lower()
        text = (Path(spec.origin).parent / package / f"{module}.py").read_text(encoding="utf-8")
        return {part.name: part for part in ast.parse(text).body if isinstance(part, ast.ClassDef)}


def _properties(class_: ast.ClassDef) -> frozenset[str]:
    names: set[str] = set()
    for function in class_.body:
        if not isinstance(function, ast.FunctionDef):
            continue
        for decorator in function.decorator_list:
            match decorator:
                case ast.Attribute(attr="getter"):
                    names.add(function.name)
                case ast.Call(func=ast.Attribute(attr="getter"), keywords=[ast.keyword(arg="name", value=value)]):
                    names.add(ast.literal_eval(value))
    return frozenset(names)


def deletes_before_replace(type_: str, new_inputs: Mapping[str, object], replaces: Collection[str]) -> bool:
    """Say whether a replacement deletes the old resource first. See the module's docstring.

    Args:
        type_: Pulumi's name of the type.
        new_inputs: The inputs as Check returned them, with ``__defaults``. The old ones do not matter.
        replaces: The properties whose change replaces. Empty if nothing replaces.
    """
    declared, defaults = RESOURCE_TYPES[type_], new_inputs.get("__defaults")
    named = declared.autonamed in new_inputs and isinstance(defaults, list) and declared.autonamed not in defaults
    return bool(replaces) and (declared.deleted_first or named)


_INSTANCES = "capacityProviderConfig.lambdaManagedInstancesCapacityProviderConfig"

_TYPES = (
    ResourceType(
        name="aws:apigateway/account:Account",
        source="internal/service/apigateway/account.go",
        replaces=frozenset({"region"}),
        keeps=frozenset({"cloudwatchRoleArn"}),
        import_id="{id}",  # The account, says the wheel. Older sources want "api-gateway-account".
        state_id="{id}",
    ),
    ResourceType(
        name="aws:apigatewayv2/api:Api",
        source="internal/service/apigatewayv2/api.go",
        replaces=frozenset({"credentialsArn", "protocolType", "region", "routeKey", "target"}),
        keeps=frozenset({"ipAddressType"}),
        autonamed="name",  # at most 255 characters
        defaults={
            "apiKeySelectionExpression": "$request.header.x-api-key",
            "routeSelectionExpression": "$request.method $request.path",
        },
        import_id="{id}",
        state_id="{id}",
    ),
    ResourceType(
        name="aws:apigatewayv2/apiMapping:ApiMapping",
        source="internal/service/apigatewayv2/api_mapping.go",
        # Another stage or apiMappingKey does not replace.
        replaces=frozenset({"apiId", "domainName", "region"}),
        import_id="{id}/{domainName}",
        state_id="{id}",
    ),
    ResourceType(
        name="aws:apigatewayv2/authorizer:Authorizer",
        source="internal/service/apigatewayv2/authorizer.go",
        replaces=frozenset({"apiId", "region"}),
        keeps=frozenset({"authorizerResultTtlInSeconds"}),
        autonamed="name",  # at most 255 characters
        import_id="{apiId}/{id}",
        state_id="{id}",
    ),
    ResourceType(
        name="aws:apigatewayv2/deployment:Deployment",
        source="internal/service/apigatewayv2/deployment.go",
        replaces=frozenset({"apiId", "region", "triggers"}),
        import_id="{apiId}/{id}",
        state_id="{id}",
    ),
    ResourceType(
        name="aws:apigatewayv2/domainName:DomainName",
        source="internal/service/apigatewayv2/domain_name.go",
        # Another certificateArn does not replace.
        replaces=frozenset({"domainName", "region"}),
        keeps=frozenset(
            {
                "domainNameConfiguration.hostedZoneId",  # An output.
                "domainNameConfiguration.ipAddressType",
                "domainNameConfiguration.ownershipVerificationCertificateArn",
                "domainNameConfiguration.targetDomainName",  # An output.
                "routingMode",
            }
        ),
        import_id="{domainName}",
        state_id="{domainName}",
    ),
    ResourceType(
        name="aws:apigatewayv2/integration:Integration",
        source="internal/service/apigatewayv2/integration.go",
        replaces=frozenset({"apiId", "integrationSubtype", "integrationType", "region"}),
        # AWS and AWS_PROXY: leaving out an integrationMethod that is POST also changes nothing.
        keeps=frozenset({"timeoutMilliseconds"}),
        defaults={
            "connectionType": "INTERNET",
            "passthroughBehavior": "WHEN_NO_MATCH",
            "payloadFormatVersion": "1.0",
        },
        import_id="{apiId}/{id}",
        state_id="{id}",
    ),
    ResourceType(
        name="aws:apigatewayv2/route:Route",
        source="internal/service/apigatewayv2/route.go",
        # Another routeKey does not replace.
        replaces=frozenset({"apiId", "region"}),
        defaults={"apiKeyRequired": False, "authorizationType": "NONE"},
        import_id="{apiId}/{id}",
        state_id="{id}",
    ),
    ResourceType(
        name="aws:apigatewayv2/stage:Stage",
        source="internal/service/apigatewayv2/stage.go",
        replaces=frozenset({"apiId", "name", "region"}),
        keeps=frozenset({"defaultRouteSettings.loggingLevel", "deploymentId", "routeSettings.loggingLevel"}),
        autonamed="name",  # at most 255 characters
        defaults={
            "autoDeploy": False,
            "defaultRouteSettings.dataTraceEnabled": False,
            "defaultRouteSettings.detailedMetricsEnabled": False,
        },
        import_id="{apiId}/{name}",
        state_id="{name}",
    ),
    ResourceType(
        name="aws:cloudwatch/eventBus:EventBus",
        source="internal/service/events/bus.go",
        replaces=frozenset({"eventSourceName", "name", "region"}),
        autonamed="name",  # at most 255 characters
        import_id="{name}",
        state_id="{name}",
    ),
    ResourceType(
        name="aws:cloudwatch/eventRule:EventRule",
        source="internal/service/events/rule.go",
        # Leaving out state or isEnabled also changes nothing.
        replaces=frozenset({"eventBusName", "name", "namePrefix", "region"}),
        keeps=frozenset({"namePrefix"}),
        autonamed="name",  # at most 64 characters
        defaults={"eventBusName": "default", "forceDestroy": False},
        # On the default bus, both ids are {name}.
        import_id="{eventBusName}/{name}",
        state_id="{eventBusName}/{name}",
    ),
    ResourceType(
        name="aws:cloudwatch/eventTarget:EventTarget",
        source="internal/service/events/target.go",
        # Another arn does not replace. Only the wheel has appsyncTarget. Taken to be like the other targets.
        replaces=frozenset({"eventBusName", "region", "rule", "targetId"}),
        autonamed="targetId",  # at most 255 characters. The provider then refuses more than 64.
        defaults={"eventBusName": "default", "forceDestroy": False},
        # On the default bus, the ids have no {eventBusName}.
        import_id="{eventBusName}/{rule}/{targetId}",
        state_id="{eventBusName}-{rule}-{targetId}",
    ),
    ResourceType(
        name="aws:cloudwatch/dashboard:Dashboard",
        source="internal/service/cloudwatch/dashboard.go",
        replaces=frozenset({"dashboardName", "region"}),
        import_id="{dashboardName}",
        state_id="{dashboardName}",
    ),
    ResourceType(
        name="aws:cloudwatch/logGroup:LogGroup",
        source="internal/service/logs/group.go",
        replaces=frozenset({"logGroupClass", "name", "namePrefix", "region"}),
        keeps=frozenset({"deletionProtectionEnabled", "logGroupClass", "namePrefix"}),
        autonamed="name",  # at most 255 characters
        defaults={"retentionInDays": 0, "skipDestroy": False},
        import_id="{name}",
        state_id="{name}",
    ),
    ResourceType(
        name="aws:cloudwatch/logMetricFilter:LogMetricFilter",
        source="internal/service/logs/metric_filter.go",
        # Another pattern or metricTransformation does not replace: the provider puts the filter again.
        replaces=frozenset({"logGroupName", "name", "region"}),
        keeps=frozenset({"applyOnTransformedLogs"}),
        autonamed="name",  # at most 255 characters
        defaults={"metricTransformation.unit": "None"},
        import_id="{logGroupName}:{name}",
        state_id="{name}",
    ),
    ResourceType(
        name="aws:cloudwatch/metricAlarm:MetricAlarm",
        source="internal/service/cloudwatch/metric_alarm.go",
        # In Pulumi, alarmName is called name.
        replaces=frozenset({"name", "region"}),
        keeps=frozenset({"evaluateLowSampleCountPercentiles"}),
        autonamed="name",  # at most 255 characters
        # Only the wheel has evaluationCriteria, evaluationInterval, evaluationWindow and warmUpConfiguration. Taken to
        # have no default.
        defaults={"actionsEnabled": True, "treatMissingData": "missing"},
        import_id="{name}",
        state_id="{name}",
    ),
    ResourceType(
        name="aws:dynamodb/table:Table",
        source="internal/service/dynamodb/table.go",
        # These do not replace: attributes, globalSecondaryIndexes, serverSideEncryption, streamViewType.
        replaces=frozenset(
            {
                "hashKey",
                "importTable.s3BucketSource",
                "localSecondaryIndexes",
                "localSecondaryIndexes.name",
                "localSecondaryIndexes.nonKeyAttributes",
                "localSecondaryIndexes.projectionType",
                "localSecondaryIndexes.rangeKey",
                "name",
                "rangeKey",
                "region",
                "restoreBackupArn",  # Only the wheel has it. Taken to be like restoreSourceName.
                "restoreDateTime",
                "restoreSourceName",  # CustomizeDiff: its removal does not replace.
                "restoreSourceTableArn",  # CustomizeDiff: its removal does not replace.
                "restoreToLatestTime",
                "warmThroughput.readUnitsPerSecond",  # CustomizeDiff: only a lower value replaces, 0 does not.
                "warmThroughput.writeUnitsPerSecond",  # CustomizeDiff: only a lower value replaces, 0 does not.
            }
        ),
        # CustomizeDiff: a change of attributes without one of globalSecondaryIndexes changes nothing.
        keeps=frozenset(
            {
                "attributes",
                "globalSecondaryIndexes",
                "globalSecondaryIndexes.hashKey",
                "globalSecondaryIndexes.keySchemas",
                "globalSecondaryIndexes.onDemandThroughput.maxReadRequestUnits",
                "globalSecondaryIndexes.onDemandThroughput.maxWriteRequestUnits",
                "globalSecondaryIndexes.readCapacity",
                "globalSecondaryIndexes.warmThroughput",
                "globalSecondaryIndexes.warmThroughput.readUnitsPerSecond",
                "globalSecondaryIndexes.warmThroughput.writeUnitsPerSecond",
                "globalSecondaryIndexes.writeCapacity",
                "globalTableWitness",
                "globalTableWitness.regionName",
                "hashKey",
                "onDemandThroughput.maxReadRequestUnits",
                "onDemandThroughput.maxWriteRequestUnits",
                "pointInTimeRecovery",
                "pointInTimeRecovery.recoveryPeriodInDays",
                "readCapacity",
                "replicas.deletionProtectionEnabled",
                "replicas.kmsKeyArn",
                "serverSideEncryption",
                "serverSideEncryption.kmsKeyArn",
                "streamViewType",
                "ttl",
                "warmThroughput",
                "warmThroughput.readUnitsPerSecond",
                "warmThroughput.writeUnitsPerSecond",
                "writeCapacity",
            }
        ),
        autonamed="name",  # at most 255 characters
        defaults={"billingMode": "PROVISIONED", "tableClass": "STANDARD", "ttl.enabled": False},
        recomputed={  # CustomizeDiff
            "streamEnabled": frozenset({"streamArn"}),
            "streamViewType": frozenset({"streamArn"}),
        },
        import_id="{name}",
        state_id="{name}",
    ),
    ResourceType(
        name="aws:iam/policy:Policy",
        source="internal/service/iam/policy.go",
        # Another policy does not replace: it becomes the default version, and a deletion deletes every version. IAM
        # refuses to delete a policy that is attached.
        replaces=frozenset({"description", "name", "namePrefix", "path"}),
        keeps=frozenset({"namePrefix"}),
        autonamed="name",  # at most 255 characters. The provider then refuses more than 128.
        defaults={"path": "/"},
        import_id="{arn}",
        state_id="{arn}",
    ),
    ResourceType(
        name="aws:iam/role:Role",
        source="internal/service/iam/role.go",
        replaces=frozenset({"name", "namePrefix", "path"}),
        keeps=frozenset({"inlinePolicies", "managedPolicyArns", "namePrefix"}),
        autonamed="name",  # at most 64 characters. The name of each of inlinePolicies is filled in too.
        defaults={"forceDetachPolicies": False, "maxSessionDuration": 3600, "path": "/"},
        import_id="{name}",
        state_id="{name}",
    ),
    ResourceType(
        name="aws:iam/rolePolicy:RolePolicy",
        source="internal/service/iam/role_policy.go",
        replaces=frozenset({"name", "namePrefix", "role"}),
        keeps=frozenset({"namePrefix"}),
        autonamed="name",  # at most 255 characters
        import_id="{role}:{name}",
        state_id="{role}:{name}",
    ),
    ResourceType(
        name="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        source="internal/service/iam/role_policy_attachment.go",
        # Everything: the provider cannot update an attachment.
        replaces=frozenset({"policyArn", "role"}),
        deleted_first=True,
        import_id="{role}/{policyArn}",
        state_id="{role}/{policyArn}",  # Older sources make up an id.
    ),
    ResourceType(
        name="aws:lambda/eventSourceMapping:EventSourceMapping",
        source="internal/service/lambda/event_source_mapping.go",
        # Another functionName does not replace. A name and an ARN of one function are the same.
        replaces=frozenset(
            {
                "amazonManagedKafkaEventSourceConfig",
                "amazonManagedKafkaEventSourceConfig.consumerGroupId",
                "eventSourceArn",
                "queues",
                "region",
                "selfManagedEventSource",
                "selfManagedEventSource.endpoints",
                "selfManagedKafkaEventSourceConfig",
                "selfManagedKafkaEventSourceConfig.consumerGroupId",
                "startingPosition",
                "startingPositionTimestamp",
                "topics",
            }
        ),
        # Leaving out a batchSize that is AWS's default (100, for SQS 10) also changes nothing. Only the wheel has
        # provisionedPollerConfig. Whether its properties keep their values is not known.
        keeps=frozenset(
            {
                "amazonManagedKafkaEventSourceConfig",
                "amazonManagedKafkaEventSourceConfig.consumerGroupId",
                "maximumRecordAgeInSeconds",
                "maximumRetryAttempts",
                "parallelizationFactor",
                "selfManagedKafkaEventSourceConfig",
                "selfManagedKafkaEventSourceConfig.consumerGroupId",
            }
        ),
        # Only the wheel has useResourceTimeoutForPropagation. Taken to have no default.
        defaults={"enabled": True},
        import_id="{uuid}",
        state_id="{uuid}",
    ),
    ResourceType(
        name="aws:lambda/function:Function",
        source="internal/service/lambda/function.go",
        # These do not replace: architectures, code, handler, layers, role, runtime.
        replaces=frozenset(
            {
                "durableConfig",  # CustomizeDiff: only its addition and its removal.
                "name",
                "packageType",
                "region",
                "tenancyConfig",
            }
        ),
        # CustomizeDiff: with publish, a change of code or configuration makes version, qualifiedArn and
        # qualifiedInvokeArn unknown.
        keeps=frozenset(
            {
                "architectures",
                f"{_INSTANCES}.executionEnvironmentMemoryGibPerVcpu",
                f"{_INSTANCES}.perExecutionEnvironmentMaxConcurrency",
                "codeSha256",
                "ephemeralStorage",
                "ephemeralStorage.size",
                "loggingConfig",
                "loggingConfig.logGroup",
                "sourceCodeHash",
                "tracingConfig",
            }
        ),
        autonamed="name",  # at most 64 characters
        # Only the wheel has useResourceTimeoutForPropagation. Taken to have no default.
        defaults={
            "loggingConfig.applicationLogLevel": "",
            "loggingConfig.systemLogLevel": "",
            "memorySize": 128,
            "packageType": "Zip",
            "publish": False,
            "reservedConcurrentExecutions": -1,
            "skipDestroy": False,
            "timeout": 3,
        },
        recomputed={"code": frozenset({"lastModified"})},  # CustomizeDiff
        import_id="{name}",
        state_id="{name}",
    ),
    ResourceType(
        name="aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        source="internal/service/lambda/function_event_invoke_config.go",
        replaces=frozenset({"functionName", "qualifier", "region"}),
        defaults={"maximumRetryAttempts": 2},
        # With a qualifier, both ids are {functionName}:{qualifier}. If functionName is an ARN, so is the id.
        import_id="{functionName}",
        state_id="{functionName}",
    ),
    ResourceType(
        name="aws:lambda/layerVersion:LayerVersion",
        source="internal/service/lambda/layer_version.go",
        # Everything: the provider cannot update a version of a layer. A code that an import left unknown is an
        # exception: the first code that is then given changes nothing.
        replaces=frozenset(
            {
                "code",
                "compatibleArchitectures",
                "compatibleRuntimes",
                "description",
                "layerName",
                "licenseInfo",
                "region",
                "s3Bucket",
                "s3Key",
                "s3ObjectVersion",
                "skipDestroy",
                "sourceCodeHash",
            }
        ),
        keeps=frozenset({"sourceCodeHash"}),
        # Pulumi does not name a layer, so nothing is deleted first.
        defaults={"skipDestroy": False},
        import_id="{arn}",  # Newer sources also take {layerName}/{version}.
        state_id="{arn}",
    ),
    ResourceType(
        name="aws:lambda/permission:Permission",
        source="internal/service/lambda/permission.go",
        # Everything: the provider cannot update a permission.
        replaces=frozenset(
            {
                "action",
                "eventSourceToken",
                "function",
                "functionUrlAuthType",
                "invokedViaFunctionUrl",
                "principal",
                "principalOrgId",
                "qualifier",
                "region",
                "sourceAccount",
                "sourceArn",
                "statementId",
                "statementIdPrefix",
            }
        ),
        keeps=frozenset({"statementIdPrefix"}),
        autonamed="statementId",  # at most 100 characters
        import_id="{function}/{statementId}",  # With a qualifier: {function}:{qualifier}/{statementId}.
        state_id="{statementId}",
    ),
    ResourceType(
        name="aws:route53/record:Record",
        source="internal/service/route53/record.go",
        # Another type or alias does not replace. Pulumi names no record, because the wheel requires its name.
        replaces=frozenset({"name", "zoneId"}),
        keeps=frozenset({"allowOverwrite"}),
        import_id="{zoneId}_{name}_{type}",
        state_id="{zoneId}_{name}_{type}",
    ),
    ResourceType(
        name="aws:scheduler/schedule:Schedule",
        source="internal/service/scheduler/schedule.go",
        # Leaving out target.retryPolicy also changes nothing.
        replaces=frozenset({"groupName", "name", "namePrefix", "region"}),
        keeps=frozenset({"actionAfterCompletion", "groupName", "namePrefix"}),
        autonamed="name",  # at most 255 characters. The provider then refuses more than 64.
        defaults={"scheduleExpressionTimezone": "UTC", "state": "ENABLED"},
        import_id="{groupName}/{name}",
        state_id="{groupName}/{name}",
    ),
    ResourceType(
        name="aws:sqs/queue:Queue",
        source="internal/service/sqs/queue.go",
        replaces=frozenset({"fifoQueue", "name", "namePrefix", "region"}),
        keeps=frozenset(
            {
                "deduplicationScope",
                "fifoThroughputLimit",
                "kmsDataKeyReusePeriodSeconds",
                "namePrefix",
                "policy",
                "redriveAllowPolicy",
                "redrivePolicy",
                "sqsManagedSseEnabled",
            }
        ),
        autonamed="name",  # at most 80 characters. ".fifo" is added after that if fifoQueue is true.
        defaults={
            "contentBasedDeduplication": False,
            "delaySeconds": 0,
            "fifoQueue": False,
            "maxMessageSize": 256 * 1024,
            "messageRetentionSeconds": 4 * 24 * 60 * 60,
            "receiveWaitTimeSeconds": 0,
            "visibilityTimeoutSeconds": 30,
        },
        import_id="{url}",
        state_id="{url}",
    ),
)

RESOURCE_TYPES: dict[str, ResourceType] = {type_.name: type_ for type_ in _TYPES}
"""The table, by Pulumi's name of the type."""
