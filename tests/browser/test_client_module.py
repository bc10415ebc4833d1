"""Run the tests of the client module in Node.js. They are in ``module/``, and use a fake clock and fake sockets."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from local.terminal import is_visible

_MODULE = Path(__file__).parent / "module"


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
    import {{ isVisible }} from "{(_MODULE.parents[2] / "web/chat-client.js").as_uri()}";
    const all = Array.from({{ length: {sys.maxunicode + 1} }}, (_, code) => code);
    console.log(JSON.stringify(all.filter((code) => !isVisible(String.fromCodePoint(code)))));
    """
    unseen = json.loads(_node("--input-type=module", "--eval", script).stdout)
    assert unseen == [code for code in range(sys.maxunicode + 1) if not is_visible(chr(code))]
    assert {0x20, 0x200B, 0x3164} < set(unseen)
