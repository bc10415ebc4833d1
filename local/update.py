"""Deploys the program over what an earlier deployment has left in the emulator.

It does what Pulumi's engine does: for each resource it asks the provider what has changed, and has it created, changed
or replaced. What the program does not have any more is deleted at the end.
https://pulumi-developer-docs.readthedocs.io/latest/docs/architecture/deployment-execution/resource-registration.html
"""

import hashlib
import threading
from pathlib import Path
from typing import Any, NoReturn

import grpc
import pulumi
from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockMonitor, Mocks
from pulumi.runtime.proto import provider_pb2, resource_pb2

from .aws.properties import DEFAULTS
from .aws.provider import Provider
from .emulator import Emulator

Resources = dict[str, dict[str, Any]]
"""What is deployed, by URN, in the order in which it was made: type, name, id, inputs, outputs, retain."""


class DeploymentError(Exception):
    """The emulator refuses something that the program asks for."""


class _Call:
    """What the provider sees of a call."""

    def abort(self, _code: grpc.StatusCode, details: str) -> NoReturn:
        raise DeploymentError(details)


_CALL = _Call()


class UpdatingMonitor(MockMonitor):
    """Takes what the program registers, and has the provider bring it about.

    Attributes:
        resources_now: What is deployed after this deployment.
    """

    def __init__(self, mocks: Mocks, emulator: Emulator, before: Resources) -> None:
        """Begin a deployment.

        Args:
            mocks: Answers the functions of the provider, and takes the components.
            emulator: Where to deploy.
            before: What the last deployment has left there.
        """
        super().__init__(mocks)
        self.resources_now: Resources = {}
        self._provider = Provider(emulator)
        self._before = dict(before)
        self._replaced: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def RegisterResource(self, request: Any) -> Any:
        """Create a resource, change it, or leave it as it is."""
        if not request.custom:
            return super().RegisterResource(request)  # type: ignore[no-untyped-call]
        urn = self.make_urn(request.parent, request.type, request.name)
        with self._lock:
            old = self._before.pop(urn, None)
        resource = {"type": request.type, "name": request.name, "retain": request.retainOnDelete}
        inputs = self._checked(request, old)
        found = old and self._found(old)
        if not old or not found:
            resource |= self._create(resource, inputs)
        else:
            resource |= self._change(request, old, found, inputs)
        with self._lock:
            self.resources_now[urn] = resource
        outputs = {name: value for name, value in resource["outputs"].items() if name != DEFAULTS}
        return resource_pb2.RegisterResourceResponse(urn=urn, id=resource["id"], object=_struct(outputs))

    def finish(self) -> None:
        """Delete what the program does not have any more."""
        for gone in (*reversed(self._replaced), *reversed(self._before.values())):
            if not gone["retain"]:
                self._delete(gone)

    def _checked(self, request: Any, old: dict[str, Any] | None) -> struct_pb2.Struct:
        """Return the inputs, with the hash of each archive, as the engine has them."""
        olds = _struct(old["inputs"] if old else {})
        answer = self._provider.Check(
            provider_pb2.CheckRequest(type=request.type, name=request.name, news=request.object, olds=olds), _CALL
        )
        for failure in answer.failures:
            raise DeploymentError(f"{request.name}: {failure.reason}")
        for name, value in rpc.deserialize_properties(request.object).items():
            if isinstance(value, pulumi.AssetArchive):
                answer.inputs.fields[name].struct_value["hash"] = _hash(value)
        inputs: struct_pb2.Struct = answer.inputs
        return inputs

    def _found(self, old: dict[str, Any]) -> dict[str, Any] | None:
        """Read a resource as it is now. None if it has gone."""
        answer = self._provider.Read(
            provider_pb2.ReadRequest(
                **_identity(old), properties=_struct(old["outputs"]), inputs=_struct(old["inputs"])
            ),
            _CALL,
        )
        return old["outputs"] | _plain(answer.properties) if answer.id else None

    def _create(self, resource: dict[str, Any], inputs: struct_pb2.Struct) -> dict[str, Any]:
        answer = self._provider.Create(
            provider_pb2.CreateRequest(type=resource["type"], name=resource["name"], properties=inputs), _CALL
        )
        return {"id": answer.id, "inputs": _plain(inputs), "outputs": _plain(answer.properties)}

    def _change(
        self, request: Any, old: dict[str, Any], found: dict[str, Any], inputs: struct_pb2.Struct
    ) -> dict[str, Any]:
        compared = _identity(old) | {
            "old_inputs": _struct(old["inputs"]),
            "olds": _struct(found),
            "news": inputs,
            "ignoreChanges": list(request.ignoreChanges),
        }
        diff = self._provider.Diff(provider_pb2.DiffRequest(**compared), _CALL)
        if diff.changes != provider_pb2.DiffResponse.DIFF_SOME:
            return {"id": old["id"], "inputs": _plain(inputs), "outputs": found}
        if diff.replaces or set(request.replaceOnChanges) & set(diff.diffs):
            first = request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else diff.deleteBeforeReplace
            if first:
                self._delete(old)
            else:
                with self._lock:
                    self._replaced.append(old)
            return self._create(old, self._checked(request, None))  # under a name of its own
        answer = self._provider.Update(provider_pb2.UpdateRequest(**compared), _CALL)
        return {"id": old["id"], "inputs": _plain(inputs), "outputs": _plain(answer.properties)}

    def _delete(self, resource: dict[str, Any]) -> None:
        self._provider.Delete(
            provider_pb2.DeleteRequest(**_identity(resource), properties=_struct(resource["outputs"])), _CALL
        )


def _identity(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: resource[name] for name in ("type", "name", "id")}


def _plain(values: struct_pb2.Struct) -> dict[str, Any]:
    return dict(json_format.MessageToDict(values))


def _struct(values: dict[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct


def _hash(archive: pulumi.AssetArchive) -> str:
    """The hash of an archive: of the paths and contents of its files."""
    seen = hashlib.sha256()
    for name, asset in sorted(archive.assets.items()):
        if not isinstance(asset, pulumi.FileAsset | pulumi.FileArchive):
            raise DeploymentError(f"{name} in an archive is not a file. Use a FileAsset or a FileArchive")
        root = Path(asset.path)
        for file in sorted(path for path in (root, *root.rglob("*")) if path.is_file()):
            place = f"{name}/{file.relative_to(root)}"
            seen.update(place.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return seen.hexdigest()
