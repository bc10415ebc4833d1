"""Mark every test with its folder, and choose which tests run in the same process."""

import gc
import os
import signal
from pathlib import Path

import hypothesis
import pytest

# A slow machine makes no test fail.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

_HERE = Path(__file__).parent
_IN_ONE_PROCESS = {
    "security",  # The attacks share their chats, and the last test reads the logs of all of them.
    "end_to_end/test_alarms.py",  # One emulator and one deployment for the file.
    "end_to_end/test_aws_conditions.py",  # One emulator with switches, and one deployment, for the file.
    "local/test_join.py",  # One emulator and one deployment for the file.
    "local/test_migration.py",  # One emulator for the file.
}
"""Folders and files. All other tests are distributed over the processes one by one."""


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: the tests often wait, for a timeout or to see that nothing comes."""
    return (os.cpu_count() or 1) + 1


def pytest_configure() -> None:
    # A shell starts background jobs with SIGINT ignored. The programs that the tests start would inherit that, and
    # Ctrl-C would not end them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The servers of the tests are on this machine. A proxy of the environment could not reach them.
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``-m graph``, do not import other folders: the imports would take longer than the tests.

    Only ``soak`` is in other folders too.
    """
    folder, chosen = collection_path.relative_to(_HERE).parts[:1], config.option.markexpr
    if not folder or not chosen or chosen == "soak" or not (_HERE / chosen).is_dir():
        return None
    return folder != (chosen,) or None


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        path = item.path.relative_to(_HERE)
        item.add_marker(path.parts[0])
        for group in _IN_ONE_PROCESS.intersection((path.parts[0], path.as_posix())):
            item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish() -> None:
    # The imported modules stay until the end. Without this, each full garbage collection goes through all of them.
    gc.collect()
    gc.freeze()
