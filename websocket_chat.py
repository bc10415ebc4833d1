"""The component under its name in the wheel, so that a checkout runs the examples as a user would.

The wheel does not contain this file: there ``components/`` is called ``websocket_chat``.
"""

from components import *  # noqa: F403 - exactly what it exports
from components import __all__ as __all__  # noqa: PLC0414 - exports it too
