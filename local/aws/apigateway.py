"""API Gateway: the settings of the account, which all APIs of a region share."""

from local.emulator import Emulator

from .inputs import Inputs, Properties, named
from .resource import Resource


class Account(Resource):
    """The settings. They are always there, so a creation only changes them. The account is their id."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        _set_role(emulator, inputs)
        return str(emulator.client("sts").get_caller_identity()["Account"])

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        return named(emulator.client("apigateway").get_account(), {"cloudwatchRoleArn": "cloudwatchRoleArn"})

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        _set_role(emulator, changed)

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        _patch(emulator, "")


def _set_role(emulator: Emulator, inputs: Inputs) -> None:
    _patch(emulator, inputs.take("cloudwatchRoleArn"))


def _patch(emulator: Emulator, role_arn: str) -> None:
    change = {"op": "replace", "path": "/cloudwatchRoleArn", "value": role_arn}
    emulator.client("apigateway").update_account(patchOperations=[change])


TYPES: dict[str, Resource] = {"aws:apigateway/account:Account": Account()}
