"""Lambda: functions and what belongs to them."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pulumi

from local.emulator import Emulator

from .inputs import Inputs, Properties, UnsupportedError, named, only
from .resource import Resource, retag

_FUNCTION = {
    "Role": "role",
    "Runtime": "runtime",
    "Handler": "handler",
    "MemorySize": "memorySize",
    "Timeout": "timeout",
}
_LOGGING = {"LogFormat": "logFormat", "LogGroup": "logGroup"}
_SLICE_RETRIES = {
    "MaximumRetryAttempts": "maximumRetryAttempts",
    "MaximumEventAgeInSeconds": "maximumEventAgeInSeconds",
}
_MAPPING = {
    "FunctionName": "functionName",
    "BatchSize": "batchSize",
    "MaximumBatchingWindowInSeconds": "maximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds": "maximumRecordAgeInSeconds",
    "MaximumRetryAttempts": "maximumRetryAttempts",
    "BisectBatchOnFunctionError": "bisectBatchOnFunctionError",
    # The emulator repeats what the function reports as failed only of a queue, not of a table's stream.
    "FunctionResponseTypes": "functionResponseTypes",
}
_MAPPING_AT_CREATION = {"EventSourceArn": "eventSourceArn", "StartingPosition": "startingPosition", "Tags": "tags"}
_PERMISSION = {
    "StatementId": "statementId",
    "Action": "action",
    "FunctionName": "function",
    "Principal": "principal",
    "SourceArn": "sourceArn",
}


class Function(Resource):
    """A function. Its name is its id."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        functions = emulator.client("lambda")
        inputs.take("layers")  # See LayerVersion.
        name = str(inputs.take("name"))
        functions.create_function(
            FunctionName=name,
            **inputs.taken(_FUNCTION | {"Architectures": "architectures", "Tags": "tags"}),
            Code={"ZipFile": _zip(inputs.take("code"))},
            **_nested(inputs),
        )
        self._set_concurrency(emulator, name, inputs)
        return name

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        functions = emulator.client("lambda")
        try:
            found = functions.get_function(FunctionName=resource_id)
        except functions.exceptions.ResourceNotFoundException:
            return None
        function, arn = found["Configuration"], found["Configuration"]["FunctionArn"]
        concurrency = functions.get_function_concurrency(FunctionName=resource_id)
        return named(function, _FUNCTION | {"FunctionName": "name", "Architectures": "architectures"}) | {
            "arn": arn,
            "invokeArn": f"arn:aws:apigateway:{functions.meta.region_name}:lambda:path/2015-03-31/functions/{arn}"
            "/invocations",
            "environment": {"variables": function.get("Environment", {}).get("Variables", {})},
            "loggingConfig": named(function.get("LoggingConfig", {}), _LOGGING),
            "tracingConfig": {"mode": function.get("TracingConfig", {}).get("Mode")},
            "reservedConcurrentExecutions": concurrency.get("ReservedConcurrentExecutions", -1),
            "tags": found.get("Tags", {}),
        }

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        functions = emulator.client("lambda")
        arn = known["arn"]
        retag(
            changed,
            lambda: functions.list_tags(Resource=arn)["Tags"],
            lambda new: functions.tag_resource(Resource=arn, Tags=new),
            lambda gone: functions.untag_resource(Resource=arn, TagKeys=gone),
        )
        changed.take("layers")
        values = changed.taken(_FUNCTION) | _nested(changed)
        if "Role" in values:
            # With the role alone, the emulator's running functions would keep the old one.
            values.setdefault("Timeout", known["timeout"])
        if values:
            functions.update_function_configuration(FunctionName=resource_id, **values)
        if "code" in changed:
            architectures = changed.taken({"Architectures": "architectures"})
            functions.update_function_code(
                FunctionName=resource_id, ZipFile=_zip(changed.take("code")), **architectures
            )
        if "reservedConcurrentExecutions" in changed:
            self._set_concurrency(emulator, resource_id, changed)

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("lambda").delete_function(FunctionName=resource_id)

    @staticmethod
    def _set_concurrency(emulator: Emulator, name: str, inputs: Inputs) -> None:
        concurrency = inputs.take("reservedConcurrentExecutions")
        if concurrency is None or concurrency < 0:
            emulator.client("lambda").delete_function_concurrency(FunctionName=name)
        else:
            emulator.client("lambda").put_function_concurrency(
                FunctionName=name, ReservedConcurrentExecutions=concurrency
            )


class LayerVersion(Resource):
    """A version of a layer. It exists in Pulumi's state only.

    The functions run in the Python environment of the emulator, which has the same versions of the same libraries. The
    layer itself may be built for another platform.
    """

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        for name in ("code", "description", "compatibleRuntimes", "compatibleArchitectures"):
            inputs.take(name)
        region = emulator.client("lambda").meta.region_name
        return f"arn:aws:lambda:{region}:000000000000:layer:{inputs.take('layerName')}:1"

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        return {"arn": resource_id, "layerArn": resource_id.rpartition(":")[0], "version": "1"}

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        """Change nothing: every input replaces the version."""

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        pass


class EventInvokeConfig(Resource):
    """The retries of a function's asynchronous invocations. The function's name is its id."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        name = str(inputs.take("functionName"))
        self._put(emulator, name, inputs)
        return name

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        functions = emulator.client("lambda")
        try:
            found = functions.get_function_event_invoke_config(FunctionName=resource_id)
        except functions.exceptions.ResourceNotFoundException:
            return None
        on_failure = found["DestinationConfig"]["OnFailure"]
        return {
            "functionName": resource_id,
            "destinationConfig": {"onFailure": named(on_failure, {"Destination": "destination"})},
        } | named(found, _SLICE_RETRIES)

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        for name in (*_SLICE_RETRIES.values(), "destinationConfig"):
            changed.take(name)
        values = {name: known.get(name) for name in (*_SLICE_RETRIES.values(), "destinationConfig")}
        self._put(emulator, resource_id, Inputs(resource_id, values))

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("lambda").delete_function_event_invoke_config(FunctionName=resource_id)

    @staticmethod
    def _put(emulator: Emulator, name: str, inputs: Inputs) -> None:
        emulator.client("lambda").put_function_event_invoke_config(
            FunctionName=name, DestinationConfig=_on_failure(inputs, "destination"), **inputs.taken(_SLICE_RETRIES)
        )


class EventSourceMapping(Resource):
    """What feeds a stream or a queue to a function."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        created = emulator.client("lambda").create_event_source_mapping(
            **inputs.taken(_MAPPING | _MAPPING_AT_CREATION), **_stream(inputs)
        )
        return str(created["UUID"])

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        functions = emulator.client("lambda")
        try:
            found = functions.get_event_source_mapping(UUID=resource_id)
        except functions.exceptions.ResourceNotFoundException:
            return None
        destination = found.get("DestinationConfig", {}).get("OnFailure", {})
        arn, given = found["FunctionArn"], known.get("functionName")
        return named(found, _MAPPING | _MAPPING_AT_CREATION) | {
            "uuid": resource_id,
            # A name and an ARN of one function are the same. The emulator tells the ARN.
            "functionName": given if given == arn.rpartition(":")[2] else arn,
            "destinationConfig": {"onFailure": named(destination, {"Destination": "destinationArn"})},
            "filterCriteria": {
                "filters": [{"pattern": one["Pattern"]} for one in found.get("FilterCriteria", {}).get("Filters", [])]
            },
            "tags": known.get("tags", {}),  # The emulator does not keep them.
        }

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        changed.take("tags")  # See read.
        values = changed.taken(_MAPPING)
        if "destinationConfig" in changed or "filterCriteria" in changed:
            values |= _stream(changed)
        if values:
            emulator.client("lambda").update_event_source_mapping(UUID=resource_id, **values)

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("lambda").delete_event_source_mapping(UUID=resource_id)


class Permission(Resource):
    """A statement of a function's own policy."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        permission = inputs.taken(_PERMISSION)
        emulator.client("lambda").add_permission(**permission)
        return str(permission["StatementId"])

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        function, _, statement_id = resource_id.rpartition("/")
        function = function or known["function"]
        functions = emulator.client("lambda")
        try:
            policy = json.loads(functions.get_policy(FunctionName=function)["Policy"])
        except functions.exceptions.ResourceNotFoundException:
            return None
        for statement in policy["Statement"]:
            if statement["Sid"] == statement_id:
                return {
                    "id": statement_id,
                    "statementId": statement_id,
                    "function": function,
                    "action": statement["Action"],
                    "principal": statement["Principal"]["Service"],
                    "sourceArn": statement["Condition"]["ArnLike"]["AWS:SourceArn"],
                }
        return None

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        """Change nothing: every input replaces the permission."""

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("lambda").remove_permission(FunctionName=known["function"], StatementId=resource_id)


def _nested(inputs: Inputs) -> Properties:
    """Take the nested inputs of a function. Those that are not given are left out."""
    values: Properties = {}
    if "environment" in inputs:
        values["Environment"] = only(inputs.part("environment"), {"Variables": "variables"})
    if "loggingConfig" in inputs:
        values["LoggingConfig"] = only(inputs.part("loggingConfig"), _LOGGING)
    if "tracingConfig" in inputs:
        values["TracingConfig"] = only(inputs.part("tracingConfig"), {"Mode": "mode"})
    return values


def _stream(inputs: Inputs) -> Properties:
    """Take the nested inputs of a mapping. Those that are not given are left out."""
    values: Properties = {}
    if "destinationConfig" in inputs:
        values["DestinationConfig"] = _on_failure(inputs, "destinationArn")
    if "filterCriteria" in inputs:
        criteria = inputs.part("filterCriteria")
        values["FilterCriteria"] = {"Filters": [only(one, {"Pattern": "pattern"}) for one in criteria.parts("filters")]}
        criteria.close()
    return values


def _on_failure(inputs: Inputs, name: str) -> Properties:
    """Take where failures go. The two types of resources call the destination by different names."""
    destinations = inputs.part("destinationConfig")
    on_failure = only(destinations.part("onFailure"), {"Destination": name})
    destinations.close()
    return {"OnFailure": on_failure}


def _zip(archive: Any) -> bytes:  # noqa: ANN401 - inputs are of any type
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        for path, asset in _files(archive).items():
            match asset:
                case pulumi.FileAsset():
                    package.write(asset.path, path)
                case pulumi.StringAsset():
                    package.writestr(path, asset.text)
                case _:
                    raise UnsupportedError(f"{path} in a function's package is neither a FileAsset nor a StringAsset")
    return packed.getvalue()


def _files(archive: Any) -> Properties:  # noqa: ANN401 - inputs are of any type
    """What is in an archive, by path. A ``FileArchive`` is a folder here."""
    if not isinstance(archive, pulumi.FileArchive):
        return dict(archive.assets)
    folder = Path(archive.path)
    return {file.relative_to(folder).as_posix(): pulumi.FileAsset(file) for file in folder.rglob("*") if file.is_file()}


TYPES: dict[str, Resource] = {
    "aws:lambda/eventSourceMapping:EventSourceMapping": EventSourceMapping(),
    "aws:lambda/function:Function": Function(),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": EventInvokeConfig(),
    "aws:lambda/layerVersion:LayerVersion": LayerVersion(),
    "aws:lambda/permission:Permission": Permission(),
}
