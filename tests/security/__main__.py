"""``python -m tests.security``: write the tables of attacks into docs/security.md."""

from .document import DOCUMENT, with_table

DOCUMENT.write_text(with_table(DOCUMENT.read_text()))
