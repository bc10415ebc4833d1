"""``python -m local.example NAME``: runs an example on this machine until Ctrl-C or SIGTERM."""

import signal
import sys
from contextlib import ExitStack

from .deploy import PROJECT_DIRECTORY, deploy
from .emulator import USUAL_PORT, Emulator, EmulatorError
from .logs import follow
from .page import Page
from .shell import aws_variables, exports

EXAMPLES = ("event_rule", "minimal", "offline_push", "order_queue", "reminder_schedule", "two_chats")
"""Those that the emulator can hold. It has no user pools, so ``cognito_kms`` is not here."""


def main() -> None:
    """Start the emulator, deploy the example, show what its functions log, and stop everything at the end."""
    name = _name()
    for end in (signal.SIGINT, signal.SIGTERM):  # A script may have started this process with SIGINT ignored.
        signal.signal(end, signal.default_int_handler)
    try:
        with Emulator(USUAL_PORT) as emulator, ExitStack() as pages:
            outputs = deploy(emulator, program=PROJECT_DIRECTORY / "examples" / name)
            shown = []
            for output, value in outputs.items():
                shown.append((output, value))
                if str(value).startswith("ws://"):
                    page = pages.enter_context(Page(value))
                    shown.append(("its chat page", f"{page.url}?group=demo&name=alice&userId=alice"))
            _show(name, emulator, shown)
            for line in follow(emulator, _log_groups(emulator)):
                print(line, flush=True)
    except EmulatorError as error:
        sys.exit(f"The example cannot start: {error}")
    except KeyboardInterrupt:
        print("Stopped.")


def _name() -> str:
    name = "".join(sys.argv[1:])
    if name in EXAMPLES:
        return name
    if name == "cognito_kms":
        sys.exit("cognito_kms does not run on this machine: the emulator has no user pools. Deploy it to AWS")
    wrong = f"There is no example {name}" if name else "NAME is missing"
    sys.exit(f"{wrong}. Name one: make example NAME=offline_push. There are {', '.join(EXAMPLES)}")


def _show(name: str, emulator: Emulator, shown: list[tuple[str, object]]) -> None:
    lines = "\n".join(f"  {label:<18}{value}" for label, value in shown)
    print(
        f"""
The example {name} is up:

{lines}

examples/{name}/README.md says what to do with it. To type its commands in another terminal, set there:

{exports(aws_variables(emulator))}

Ctrl-C stops everything. What the functions log:
""",
        flush=True,
    )


def _log_groups(emulator: Emulator) -> list[str]:
    """Return the log groups of all functions. AWS makes a missing one at the function's first run."""
    logs = emulator.client("logs")
    there = {group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]}
    functions = emulator.client("lambda").list_functions()["Functions"]
    groups = {f"/aws/lambda/{function['FunctionName']}" for function in functions}
    for group in groups - there:
        logs.create_log_group(logGroupName=group)
    return sorted(groups)


if __name__ == "__main__":
    main()
