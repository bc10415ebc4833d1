"""The attacks, in one module per goal. Importing this package fills ``ATTACKS``."""

from . import (
    back_end,
    changes,
    connections,
    cursors,
    frames,
    groups,
    identity,
    moderation,
    origins,
    rates,
    signatures,
    tokens,
)

IN_ORDER = (
    *(identity, groups, changes, tokens, connections, cursors, frames, moderation, rates, origins, signatures),
    back_end,
)
"""The order of docs/security.md."""
