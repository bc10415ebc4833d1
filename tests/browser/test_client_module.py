"""Run the tests of the client module in Node.js. They are in ``module/``, and use a fake clock and fake sockets."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from local.names import Names
from local.terminal import is_visible

_MODULE = Path(__file__).parent / "module"
_WEB = _MODULE.parents[2] / "web"

_LIKE_BOB = [
    "bOB",
    "Ｂｏｂ",
    " B ob ",
    "Bob\u00a0",  # a space that does not break the line
    "B\tob",
    "b\u200dob",  # a joiner
    "\u202eBob",  # turns the direction of writing
    "B\u00adob",  # a soft hyphen
    "Bob\ufe0f",  # a variation of the character before
    "Bob\u180e",
    "Bob\u2800",
    "Bob\u3164",
    "B\u0007ob",  # a control character
    "Bob\U000e0041",
]
"""Names that look like Bob's."""
_UNLIKE_BOB = ["Bobby", "Böb", "B.ob", "Воb", "Bob\ufffd"]
"""Names that do not, and one of another script."""
_GROUPS = [
    *([["user-17", "Bob"], ["user-18", name]] for name in ["Bob", *_LIKE_BOB, *_UNLIKE_BOB]),
    [["user-17", "Zoë"], ["user-18", "Zoe\u0308"]],
    [["user-17", "\ufb01n"], ["user-18", "fin"]],  # a ligature
    [["user-17", "ΟΔΟΣ"], ["user-18", "οδος"], ["user-19", "οδοσ"]],
    [["user-17", "\u212a"], ["user-18", "k"]],  # the sign for kelvin
    [["user-17", "Straße"], ["user-18", "STRASSE"]],
    [["user-17", "Bob"], ["user-18", "Ann"], ["user-18", "Bob"], ["user-19", "Ann"]],
    # The one whose name is their id, and those whose names seem to have an id.
    [["bob", "Bob"], ["user-18", "Bob"]],
    [["user-17", "Bob (user-18)"]],
    [["user-17", "Bob (user-18) "]],
    [["user-17", "Bob (user-18)\u3164"]],
    [["user-17", "Bob (user-18\uff09"]],
    [["", "Bob"], ["user-18", "Bob"]],
    [["user-17", "(Bob) Smith"]],
]
"""Groups of users with their names, in the order in which they are learned."""


def _node(*arguments: str) -> "subprocess.CompletedProcess[str]":
    node = shutil.which("node")
    assert node, "the client's tests need Node.js 20 or newer"
    return subprocess.run([node, *arguments], check=False, capture_output=True, text=True)


def test_client_module() -> None:
    tests = sorted(map(str, _MODULE.glob("*.test.mjs")))
    result = _node("--test", "--test-reporter=spec", *tests)
    assert result.returncode == 0, result.stdout


def test_the_terminal_and_the_module_agree_on_what_can_be_seen() -> None:
    script = f"""
    import {{ isVisible }} from "{(_WEB / "chat-client.js").as_uri()}";
    const all = Array.from({{ length: {sys.maxunicode + 1} }}, (_, code) => code);
    console.log(JSON.stringify(all.filter((code) => !isVisible(String.fromCodePoint(code)))));
    """
    unseen = json.loads(_node("--input-type=module", "--eval", script).stdout)
    assert unseen == [code for code in range(sys.maxunicode + 1) if not is_visible(chr(code))]
    assert {0x20, 0x200B, 0x3164} < set(unseen)


def test_the_terminal_and_the_page_agree_on_which_names_look_the_same() -> None:
    script = f"""
    import {{ Names }} from "{(_WEB / "page/names.js").as_uri()}";
    import {{ nameToShow }} from "{(_WEB / "page/elements.js").as_uri()}";
    console.log(JSON.stringify(JSON.parse(process.argv[1]).map((users) => {{
      const names = new Names();
      for (const [id, name] of users) names.learn(id, name);
      return users.map(([id, name]) => [nameToShow(id, name), names.of(id, name)]);
    }})));
    """
    ran = _node("--input-type=module", "--eval", script, json.dumps(_GROUPS))
    assert ran.returncode == 0, ran.stderr
    with_ids = []
    for users, on_the_page in zip(_GROUPS, json.loads(ran.stdout), strict=True):
        names = Names()
        for user_id, name in users:
            names.learn(user_id, name)
        # The page has removed what it does not show. The terminal does that later, in its own way.
        in_the_terminal = [
            names.of(user_id, name).replace(name, plain)
            for (user_id, name), (plain, _) in zip(users, on_the_page, strict=True)
        ]
        assert in_the_terminal == [shown for _, shown in on_the_page], users
        with_ids.append([shown != plain for plain, shown in on_the_page])
    alike = 1 + len(_LIKE_BOB)
    assert with_ids[:alike] == [[True, True]] * alike
    assert with_ids[alike : alike + len(_UNLIKE_BOB)] == [[False, False]] * len(_UNLIKE_BOB)
