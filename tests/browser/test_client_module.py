"""The client module in Node.js, under a clock and sockets of the test's; the tests themselves are in ``module/``."""

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
