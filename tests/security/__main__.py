"""``python -m tests.security``: write the table of the attacks into docs/security.md."""

from .document import DOCUMENT, with_table

DOCUMENT.write_text(with_table(DOCUMENT.read_text()))
