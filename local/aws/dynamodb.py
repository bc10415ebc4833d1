"""DynamoDB: tables."""

from typing import Any

from local.emulator import Emulator

from .inputs import Inputs, Properties, named, only
from .resource import Resource, retag, tag_list, tag_map

_INDEX = {"ProjectionType": "projectionType", "NonKeyAttributes": "nonKeyAttributes"}
_ENCRYPTION = {"Enabled": "enabled", "KMSMasterKeyId": "kmsKeyArn"}
_STREAM = {"StreamEnabled": "streamEnabled", "StreamViewType": "streamViewType"}
_TTL = {"Enabled": "enabled", "AttributeName": "attributeName"}


class Table(Resource):
    """A table."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        tables = emulator.client("dynamodb")
        name = str(inputs.take("name"))
        stream = inputs.taken(_STREAM)
        tables.create_table(
            TableName=name,
            BillingMode=inputs.take("billingMode"),
            KeySchema=_key_schema(inputs),
            AttributeDefinitions=_attributes(inputs),
            GlobalSecondaryIndexes=_indexes(inputs),
            SSESpecification=only(inputs.part("serverSideEncryption"), _ENCRYPTION),
            Tags=tag_list(inputs.take("tags")),
            **inputs.taken({"DeletionProtectionEnabled": "deletionProtectionEnabled"}),
            **({"StreamSpecification": stream} if stream else {}),
        )
        if ttl := only(inputs.part("ttl"), _TTL):
            tables.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)
        _set_recovery(tables, name, inputs)
        return name

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        tables = emulator.client("dynamodb")
        try:
            table = tables.describe_table(TableName=resource_id)["Table"]
        except tables.exceptions.ResourceNotFoundException:
            return None
        ttl = tables.describe_time_to_live(TableName=resource_id)["TimeToLiveDescription"]
        backups = tables.describe_continuous_backups(TableName=resource_id)["ContinuousBackupsDescription"]
        encryption = table.get("SSEDescription", {})
        stream = table.get("StreamSpecification", {})
        keys = _keys(table["KeySchema"])
        return {
            "name": resource_id,
            "arn": table["TableArn"],
            "billingMode": table["BillingModeSummary"]["BillingMode"],
            "hashKey": keys["HASH"],
            "rangeKey": keys.get("RANGE"),
            "attributes": [
                {"name": attribute["AttributeName"], "type": attribute["AttributeType"]}
                for attribute in table["AttributeDefinitions"]
            ],
            "globalSecondaryIndexes": [
                {
                    "name": index["IndexName"],
                    "keySchemas": [
                        named(key, {"AttributeName": "attributeName", "KeyType": "keyType"})
                        for key in index["KeySchema"]
                    ],
                }
                | named(index["Projection"], _INDEX)
                for index in table.get("GlobalSecondaryIndexes", [])
            ],
            "serverSideEncryption": {
                "enabled": encryption.get("Status") == "ENABLED",
                "kmsKeyArn": encryption.get("KMSMasterKeyArn"),
            },
            "deletionProtectionEnabled": table["DeletionProtectionEnabled"],
            "pointInTimeRecovery": {
                "enabled": backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
            },
            "ttl": {"enabled": ttl["TimeToLiveStatus"] == "ENABLED", "attributeName": ttl.get("AttributeName")},
            "tags": tag_map(tables.list_tags_of_resource(ResourceArn=table["TableArn"]).get("Tags", [])),
            "streamEnabled": stream.get("StreamEnabled", False),
            "streamViewType": stream.get("StreamViewType"),
            # The ARN stays when the stream is switched off.
            "streamArn": table.get("LatestStreamArn"),
        }

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        tables = emulator.client("dynamodb")
        arn = known["arn"]
        retag(
            changed,
            lambda: tag_map(tables.list_tags_of_resource(ResourceArn=arn).get("Tags", [])),
            lambda new: tables.tag_resource(ResourceArn=arn, Tags=tag_list(new)),
            lambda gone: tables.untag_resource(ResourceArn=arn, TagKeys=gone),
        )
        values: Properties = changed.taken({"DeletionProtectionEnabled": "deletionProtectionEnabled"})
        if "serverSideEncryption" in changed:
            values["SSESpecification"] = only(changed.part("serverSideEncryption"), _ENCRYPTION)
        if "streamEnabled" in changed or "streamViewType" in changed:
            stream = changed.taken(_STREAM)
            values["StreamSpecification"] = stream or {"StreamEnabled": False}
        if values:
            tables.update_table(TableName=resource_id, **values)
        if "globalSecondaryIndexes" in changed or "attributes" in changed:
            changed.take("attributes")
            _update_indexes(tables, resource_id, known, changed)
        if "pointInTimeRecovery" in changed:
            _set_recovery(tables, resource_id, changed)
        if "ttl" in changed:
            ttl = only(changed.part("ttl"), _TTL) or {"Enabled": False, "AttributeName": known["ttl"]["attributeName"]}
            tables.update_time_to_live(TableName=resource_id, TimeToLiveSpecification=ttl)

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("dynamodb").delete_table(TableName=resource_id)


def look_up(emulator: Emulator, name: str) -> Properties:
    """Answer ``aws.dynamodb.get_table``.

    Raises:
        LookupError: There is no such table.
    """
    found = Table().read(emulator, name, {})
    if found is None:
        raise LookupError("couldn't find resource")
    indexes = [
        index
        | {
            "hashKey": next(key["attributeName"] for key in index["keySchemas"] if key["keyType"] == "HASH"),
            "rangeKey": next((key["attributeName"] for key in index["keySchemas"] if key["keyType"] == "RANGE"), ""),
        }
        for index in found["globalSecondaryIndexes"]
    ]
    return found | {"rangeKey": found["rangeKey"] or "", "globalSecondaryIndexes": indexes}


def _key_schema(inputs: Inputs) -> list[Properties]:
    schema = [{"AttributeName": inputs.take("hashKey"), "KeyType": "HASH"}]
    if sort_key := inputs.take("rangeKey"):
        schema.append({"AttributeName": sort_key, "KeyType": "RANGE"})
    return schema


def _attributes(inputs: Inputs) -> list[Properties]:
    return [
        only(attribute, {"AttributeName": "name", "AttributeType": "type"}) for attribute in inputs.parts("attributes")
    ]


def _indexes(inputs: Inputs) -> list[Properties]:
    indexes = []
    for index in inputs.parts("globalSecondaryIndexes"):
        keys = [
            only(key, {"AttributeName": "attributeName", "KeyType": "keyType"}) for key in index.parts("keySchemas")
        ]
        projection = index.taken(_INDEX)
        indexes.append(only(index, {"IndexName": "name"}) | {"KeySchema": keys, "Projection": projection})
    return indexes


def _update_indexes(tables: Any, name: str, known: Properties, changed: Inputs) -> None:  # noqa: ANN401 - a boto3 client
    # DynamoDB makes or deletes one index at a time. An index cannot change: it is deleted, then made again.
    described = tables.describe_table(TableName=name)["Table"].get("GlobalSecondaryIndexes", [])
    old = {index["IndexName"]: _shape(index) for index in described}
    new = {index["IndexName"]: index for index in _indexes(changed)}
    attributes = _attributes(Inputs(name, {"attributes": known["attributes"]}))
    gone = {index for index, shape in old.items() if index not in new or shape != _shape(new[index])}
    for index in sorted(gone):
        tables.update_table(TableName=name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": index}}])
    for index, wanted in new.items():
        if index in gone or index not in old:
            tables.update_table(
                TableName=name, AttributeDefinitions=attributes, GlobalSecondaryIndexUpdates=[{"Create": wanted}]
            )


def _shape(index: Properties) -> object:
    projection = index["Projection"]
    return index["KeySchema"], projection["ProjectionType"], sorted(projection.get("NonKeyAttributes", []))


def _set_recovery(tables: Any, name: str, inputs: Inputs) -> None:  # noqa: ANN401 - a boto3 client
    recovery = only(inputs.part("pointInTimeRecovery"), {"PointInTimeRecoveryEnabled": "enabled"})
    if recovery:
        tables.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)


def _keys(schema: list[dict[str, str]]) -> dict[str, str]:
    return {key["KeyType"]: key["AttributeName"] for key in schema}


TYPES: dict[str, Resource] = {"aws:dynamodb/table:Table": Table()}
