"""The emulator with switches for what AWS has and the emulator lacks. All are off until a test sets them."""

import json
import os
from pathlib import Path
from typing import Any, TypedDict

from local.emulator import Emulator


class Switches(TypedDict, total=False):
    """What the emulator does as AWS. A switch that is left out is off."""

    index_lag_s: float
    """How far the indexes are behind their tables."""
    tables_ms: float
    """How long each call of DynamoDB takes, in addition to its own time."""
    stream_delay_s: float
    """How late the records of a stream come. At least, because they are timed in whole seconds."""
    stream_deliveries: int
    """How often each batch of a stream is delivered."""
    posts_per_second: int
    """How many posts to connections the account allows. Those above it are answered with 429."""
    hanging: list[str]
    """Ids of connections whose posts are never answered, and do not arrive."""
    frame_limit: bool
    """Whether a frame of more than 32 KB ends its connection, and a post of more than 128 KB is refused.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
    """
    gateway_clock_s: float
    """How far the clock of API Gateway is ahead. It writes the times of the events."""
    exact_alarms: bool
    """Whether alarms see their own dimensions only, look at each of their periods, and treat missing data as they say.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html#alarm-evaluation
    """
    clocks_s: dict[str, float]
    """How far the clocks of functions are ahead, by the function's name."""


class SwitchedEmulator(Emulator):
    """An emulator whose switches can be set while it runs."""

    program = Path(__file__).with_name("process.py")

    def switch(self, **switches: Any) -> None:
        """Set these switches, and turn all others off."""
        chosen = Switches(**switches)  # type: ignore[typeddict-item]
        assert chosen.keys() <= Switches.__annotations__.keys()
        file = Path(self._directory, "switches.json")
        new = file.with_suffix(".new")
        new.write_text(json.dumps(chosen))
        os.replace(new, file)  # noqa: PTH105 - in one step, because other processes read it at any time
