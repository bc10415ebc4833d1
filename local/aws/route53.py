"""Route 53: records. The program only asks for hosted zones."""

from typing import Any

from local.emulator import Emulator

from .inputs import Inputs, Properties, named, only
from .resource import Resource

_ALIAS = {"DNSName": "name", "HostedZoneId": "zoneId", "EvaluateTargetHealth": "evaluateTargetHealth"}


class Record(Resource):
    """A record that points to another resource of AWS."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        values = {name: inputs.take(name) for name in ("zoneId", "name", "type")}
        # An existing record of somebody else must stay, so this does not overwrite.
        _change(emulator, "CREATE", values, _alias(inputs))
        return "{zoneId}_{name}_{type}".format(**values)

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        zone, name, type_ = resource_id.split("_")
        records = emulator.client("route53")
        try:
            found = records.list_resource_record_sets(
                HostedZoneId=zone, StartRecordName=name, StartRecordType=type_, MaxItems="1"
            )["ResourceRecordSets"]
        except records.exceptions.NoSuchHostedZone:
            return None
        if not found or (found[0]["Name"].rstrip("."), found[0]["Type"]) != (name, type_):
            return None
        alias = named(found[0]["AliasTarget"], _ALIAS)
        return {
            "zoneId": zone,
            "name": name,
            "type": type_,
            "fqdn": name,
            "aliases": [alias | {"name": alias["name"].rstrip(".")}],
        }

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        _change(emulator, "UPSERT", known, _alias(changed))

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        _change(emulator, "DELETE", known, _alias(Inputs(resource_id, known)))


def _alias(inputs: Inputs) -> Properties:
    (alias,) = inputs.parts("aliases")
    return only(alias, _ALIAS)


def _change(emulator: Emulator, action: str, values: Properties, alias: Properties) -> None:
    record: dict[str, Any] = {"Name": values["name"], "Type": values["type"], "AliasTarget": alias}
    emulator.client("route53").change_resource_record_sets(
        HostedZoneId=values["zoneId"], ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    )


def look_up(emulator: Emulator, zone_id: str) -> Properties:
    """Answer ``aws.route53.get_zone``.

    Raises:
        LookupError: There is no such zone.
    """
    zones = emulator.client("route53")
    try:
        zone = zones.get_hosted_zone(Id=zone_id)["HostedZone"]
    except zones.exceptions.NoSuchHostedZone:
        raise LookupError("couldn't find resource") from None
    return {"zoneId": zone_id, "name": zone["Name"].rstrip("."), "privateZone": zone["Config"]["PrivateZone"]}


TYPES: dict[str, Resource] = {"aws:route53/record:Record": Record()}
