"""The attacks, by what they try. Importing this package fills ``ATTACKS``."""

from . import connections, cursors, frames, groups, identity, origins, rates, signatures, tokens

IN_ORDER = (identity, groups, tokens, connections, cursors, frames, rates, origins, signatures)
"""As the documentation has them."""
