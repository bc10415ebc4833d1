"""The attacks, in one module per goal. Importing this package fills ``ATTACKS``."""

from . import connections, cursors, frames, groups, identity, moderation, origins, rates, signatures, tokens

IN_ORDER = (identity, groups, tokens, connections, cursors, frames, moderation, rates, origins, signatures)
"""The order of docs/security.md."""
