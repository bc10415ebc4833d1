"""An update that ends half way."""

import signal
import time
from subprocess import Popen

from local.aws.provider import Operation

from .world import Run, Stack


def half_way(stack: Stack, sign: signal.Signals, *options: str, at: str) -> Run:
    """Run ``pulumi up``, and send it a signal when it starts to create a resource."""
    begun = len(stack.provider.operations)
    running = stack.start("up", "--yes", "--skip-preview", *options)

    def interrupt(operation: Operation) -> None:
        if operation.name == f"chat-{at}":
            _send(stack, running, sign)

    stack.provider.before = interrupt
    text, _ = running.communicate(timeout=100)
    stack.provider.before = lambda _: None
    assert running.returncode, text
    return Run(text, tuple(stack.provider.operations[begun:]))


def _send(stack: Stack, running: Popen[str], sign: signal.Signals) -> None:
    """Send a signal, but not while the CLI writes the state: a state in a file would be cut off there."""
    while True:
        running.send_signal(signal.SIGSTOP)
        time.sleep(0.02)
        whole = stack.state_is_whole()
        if whole:
            running.send_signal(sign)
        # A killed process may be gone already: send_signal does nothing then.
        running.send_signal(signal.SIGCONT)
        if whole:
            return
        time.sleep(0.02)
