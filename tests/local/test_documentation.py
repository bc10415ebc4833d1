"""What README.md says about the local commands is so: figures, and what the lines for Windows name."""

import re
import subprocess
import sys
from pathlib import Path

from local.emulator import USUAL_PORT

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_default_port_is_documented() -> None:
    assert re.findall(r"The default is (\d+), or another port if (\d+) is in use", README) == [(str(USUAL_PORT),) * 2]
    assert set(re.findall(r"ws://127\.0\.0\.1:(\d+)/", README)) == {str(USUAL_PORT)}


def test_everything_that_the_lines_for_windows_name_is_there() -> None:
    [lines] = re.findall(r"```\n(py local.*?)```", README, re.DOTALL)
    install, *runs = lines.replace("\\", "/").splitlines()
    assert install == "py local/install.py .venv requirements-chat.txt"
    assert all((ROOT / file).exists() for file in install.split()[1::2])
    for run in runs:
        python, *arguments = run.split()
        assert python == ".venv/Scripts/python"
        module = arguments[:2]
        said = subprocess.run([sys.executable, *module, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert all(one in said.stdout for one in arguments if one.startswith("--"))
    assert len(runs) == 3
