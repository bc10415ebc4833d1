"""Every resource type and function of the AWS provider that the program and the examples use, in the emulator."""

from local.emulator import Emulator

from . import apigateway, apigatewayv2, cloudwatch, dynamodb, events, iam, kms, lambda_, logs, route53, scheduler, sqs
from .inputs import Inputs, Properties, UnsupportedError
from .properties import DEFAULTS, with_name
from .resource import Resource
from .schema import RESOURCE_TYPES

_TYPES: dict[str, Resource] = (
    apigateway.TYPES
    | apigatewayv2.TYPES
    | cloudwatch.TYPES
    | dynamodb.TYPES
    | events.TYPES
    | iam.TYPES
    | lambda_.TYPES
    | logs.TYPES
    | route53.TYPES
    | scheduler.TYPES
    | sqs.TYPES
)


def resource(resource_type: str, name: str) -> Resource:
    """Return a type by its name in Pulumi.

    Args:
        resource_type: Such as ``aws:dynamodb/table:Table``.
        name: Name of the resource in the program, for the error's text.

    Raises:
        UnsupportedError: No module here knows the type.
    """
    known = _TYPES.get(resource_type)
    if known is None:
        raise UnsupportedError(f"{name}: {resource_type} cannot be created in the emulator. Add it to local/aws/")
    return known


def create(emulator: Emulator, resource_type: str, name: str, values: Properties) -> tuple[str, Properties]:
    """Create a resource.

    Args:
        emulator: Where to create it.
        resource_type: Its type in Pulumi.
        name: Name of the resource in the program.
        values: Its inputs by their names in Pulumi. All values are known. The name is filled in if it is missing.

    Returns:
        The id, and all its properties as the emulator has them.

    Raises:
        UnsupportedError: No module here knows the type or one of the inputs.
    """
    type_ = resource(resource_type, name)
    given = with_name(RESOURCE_TYPES[resource_type], name, values, {})
    del given[DEFAULTS]
    inputs = Inputs(name, given)
    resource_id = type_.create(emulator, inputs)
    inputs.close()
    return resource_id, type_.read(emulator, resource_id, given) or {}


def look_up(emulator: Emulator, function: str, values: Properties) -> Properties:
    """Answer a function of the provider.

    Raises:
        UnsupportedError: No module here knows the function.
        LookupError: The resource does not exist.
    """
    match function:
        case "aws:dynamodb/getTable:getTable":
            return dynamodb.look_up(emulator, values["name"])
        case "aws:cloudwatch/getEventBus:getEventBus":
            return events.look_up(emulator, values["name"])
        case "aws:kms/getKey:getKey":
            return kms.look_up(emulator, values["keyId"])
        case "aws:route53/getZone:getZone":
            return route53.look_up(emulator, values["zoneId"])
        case "aws:index/getRegion:getRegion":
            return {"region": emulator.region}
    raise UnsupportedError(f"{function} cannot be called in the emulator. Add it to local/aws/")
