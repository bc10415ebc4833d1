"""Run the tests of the client module in Node.js. They are in ``module/``, and use a fake clock and fake sockets."""

import shutil
import subprocess
from pathlib import Path

_MODULE = Path(__file__).parent / "module"


def test_client_module() -> None:
    node = shutil.which("node")
    assert node, "the client's tests need Node.js 20 or newer"
    tests = sorted(map(str, _MODULE.glob("*.test.mjs")))
    result = subprocess.run(
        [node, "--test", "--test-reporter=spec", *tests], check=False, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout
