"""What both sides share: the names in the tables, and the folder of the functions' code.

In a checkout, ``handlers/`` is beside this package. In the wheel it is inside, because ``handlers`` is too common a
name for the top of an environment. ``docs/decisions/wheel.md`` says more.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__ == "components":
    import handlers
    from handlers.tables.schema import *  # noqa: F403 - all of its names, which are nothing but names
else:
    from . import handlers
    from .handlers.tables.schema import *  # noqa: F403

HANDLERS = Path(handlers.__file__).resolve().parent
"""The folder that is zipped for all functions."""
