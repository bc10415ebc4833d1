"""What is deployed."""

import sys

# Before the other imports: an older Python cannot read those modules. So this file must be readable for Python 3.8.
if sys.version_info < (3, 11):  # noqa: UP036 - pip checks requires-python only when it installs this as a package
    from pulumi import RunError

    raise RunError(
        f"This needs Python 3.11 or newer, but {sys.executable} is Python {sys.version_info[0]}.{sys.version_info[1]}. "
        "Delete that virtual environment, and make one with a newer Python: PULUMI_PYTHON_CMD=python3.13 pulumi install"
    )

from .arguments import Authentication, InvalidArgumentError, UnknownKeyError, WebSocketChatArgs, args_from_config
from .transforms import Transform, TransformError, Transforms
from .websocket_chat import PublishIsOffError, WebSocketChat

__all__ = [
    "Authentication",
    "InvalidArgumentError",
    "PublishIsOffError",
    "Transform",
    "TransformError",
    "Transforms",
    "UnknownKeyError",
    "WebSocketChat",
    "WebSocketChatArgs",
    "args_from_config",
]
