"""What users are called, so that two of one name are told apart. ``Names`` of the chat page has the same rule."""

import unicodedata
from collections import defaultdict

from .terminal import is_visible


class Names:
    """The names that users have or had."""

    def __init__(self) -> None:
        """Know nobody."""
        self._users: defaultdict[str, set[str]] = defaultdict(set)

    def learn(self, user_id: str, name: str) -> None:
        """Learn that a user has a name."""
        self._users[_key(name)].add(user_id)

    def of(self, user_id: str, name: str) -> str:
        """Return the name to show, with the id if another user has the same name, or could seem to have an id."""
        key = _key(name)
        alone = len(self._users[key] | {user_id}) == 1 and not key.endswith(")")
        return name if alone or not user_id or key == _key(user_id) else f"{name} ({user_id})"


def _key(name: str) -> str:
    """Names that look the same have the same key. Letters of other scripts that look alike are not covered."""
    seen = (one for one in unicodedata.normalize("NFKC", name) if is_visible(one))
    return "".join(seen).lower()
