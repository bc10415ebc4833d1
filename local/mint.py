"""``python -m local.mint``: prints a token for the chat that ``make chat ARGS=--jwt`` runs."""

import argparse
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from .kept import USUAL_FOLDER, Kept

_NOT_HERE = "No chat with tokens runs here. Start one in another terminal: make chat ARGS=--jwt"


def main() -> None:
    """Ask the identity provider of the running chat for a token, and print it."""
    parser = argparse.ArgumentParser(prog="python -m local.mint", description="Print a token for the local chat.")
    parser.add_argument("--user", default="", help="the user's id")
    parser.add_argument("--groups", default="", help="the groups that the user may join, with commas between them")
    parser.add_argument("--folder", type=Path, default=USUAL_FOLDER, help="the folder of the chat; default: .chat")
    arguments = parser.parse_args()
    groups = [group for group in arguments.groups.split(",") if group]
    for name, value in (("USER", arguments.user), ("GROUPS", groups)):
        if not value:
            parser.exit(
                2, f"{name} is missing. Name the user and the groups: make token USER=ann GROUPS=demo,support\n"
            )
    from .identity_provider import token_url  # noqa: PLC0415 - it is slow, and a refusal need not wait for it

    port = Kept(arguments.folder).addresses().get("issuerPort")
    if port is None:
        sys.exit(_NOT_HERE)
    try:
        with build_opener(ProxyHandler({})).open(token_url(port, arguments.user, groups), timeout=10) as answer:
            print(answer.read().decode())
    except (URLError, OSError):
        sys.exit(_NOT_HERE)


if __name__ == "__main__":
    main()
