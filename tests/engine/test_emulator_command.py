"""``make emulator``: what it prints is all that the CLI needs."""

import re
import signal
import subprocess
import sys

from .chatting import Chatting
from .world import PROJECT, Stack


def test_the_cli_deploys_with_what_is_printed(stack: Stack) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "local.aws"], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout
        try:
            shown = ""
            while "Ctrl-C" not in shown:
                line = command.stdout.readline()
                assert line, shown
                shown += line
            printed = dict(re.findall(r"^  export (\w+)=(\S+)$", shown, re.MULTILINE))
            assert printed.keys() > {"PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_DEBUG_PROVIDERS"}
            stack.environment |= printed
            stack.pulumi("stack", "init", "mine")  # Pulumi.dev.yaml has a salt for another passphrase
            stack.up()
            with Chatting(stack.outputs()["WebSocketURL"]):
                pass
        finally:
            command.send_signal(signal.SIGINT)
            said, _ = command.communicate(timeout=30)
    assert said == "Stopped. The stacks that you made in it are gone.\n"
    assert command.returncode == 0
    assert stack.provider.operations == []
