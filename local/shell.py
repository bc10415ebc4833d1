"""Variables that people set in a shell, to use the emulator from there."""

import shlex

from .emulator import REGION, ROOT, Emulator


def aws_variables(emulator: Emulator) -> dict[str, str]:
    """Return what points the AWS CLI and the SDKs at an emulator. Only some of them read ``AWS_REGION``."""
    return {
        "AWS_ENDPOINT_URL": emulator.endpoint,
        "AWS_ACCESS_KEY_ID": ROOT,
        "AWS_SECRET_ACCESS_KEY": ROOT,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def exports(variables: dict[str, str]) -> str:
    """Return the lines that set variables, indented."""
    return "\n".join(f"  export {name}={shlex.quote(value)}" for name, value in variables.items())
