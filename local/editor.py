"""The input of ``python -m local.join`` in a real terminal: a line to edit, and the status line below it."""

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, is_done
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import ConditionalContainer, Dimension, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.renderer import CPR_Support
from prompt_toolkit.widgets import TextArea

from .terminal import Terminal, harmless_lines

_INDENT = "  "
"""What stands before all lines but the first."""

_SETTLED_S = 0.5
"""How long a terminal has to keep its size until the input is drawn again."""


class _Application(Application[None]):
    _settling: asyncio.TimerHandle | None = None

    def _on_resize(self) -> None:
        """Draw again once, after the last of the many sizes that a window has while it is dragged."""
        if self._settling:
            self._settling.cancel()
        self._settling = asyncio.get_running_loop().call_later(_SETTLED_S, self.invalidate)


def _find_first_row(application: Application[None]) -> None:
    """Go up by the number of rows that a narrower terminal has broken off the rows of the input, as most do."""
    screen, columns = application.renderer.last_rendered_screen, application.output.get_size().columns
    if screen:
        cursor = screen.get_cursor_position(application.layout.current_window)
        rows = (screen.data_buffer[y].items() for y in range(cursor.y))
        ends = (max((x for x, cell in row if cell.char != " "), default=0) for row in rows)
        application.output.cursor_up(cursor.x // columns + sum(end // columns for end in ends))


class Editor(Terminal):
    """A terminal in which the line that the user is typing stays below everything that is shown."""

    def __init__(self) -> None:
        """Take over standard input and output when :meth:`read` begins."""
        super().__init__()
        self._area = TextArea(
            prompt=lambda: self.prompt,
            get_line_prefix=lambda line, wrapped: _INDENT if line and not wrapped else "",
            height=self._height,
            dont_extend_height=True,
            complete_while_typing=False,
        )
        status = Window(FormattedTextControl(lambda: f" {self.status()} "), height=1, style="class:bottom-toolbar")
        self._application = _Application(
            Layout(HSplit([self._area, ConditionalContainer(status, ~is_done)])),
            key_bindings=self._keys(),
            before_render=_find_first_row,
        )
        # Nothing here needs to know where the cursor is, and not every terminal tells.
        self._application.renderer.cpr_support = CPR_Support.NOT_SUPPORTED

    def show(self, text: str, stream: TextIO) -> bool:
        """Show text above the input."""
        renderer = self._application.renderer
        _find_first_row(self._application)
        # Else the terminal would take a paste at this moment for many lines that are typed.
        renderer._bracketed_paste_enabled = False  # noqa: SLF001
        renderer.erase()
        shown = super().show(text, stream)
        self.refresh()
        return shown

    def refresh(self) -> None:
        """Draw the input and the status again."""
        self._application.invalidate()

    def read(self, take: Callable[[str], None]) -> asyncio.Future[None]:
        """Pass each text that the user enters to ``take``."""

        def accept(buffer: Buffer) -> bool:
            # What is pasted in another encoding arrives as surrogates, which cannot be sent.
            text = buffer.text.encode(errors="surrogateescape").decode(errors="replace")
            self.show(self.prompt + harmless_lines(text, _INDENT), sys.stdout)
            take(text)
            return False

        async def run() -> None:
            with suppress(EOFError):  # The terminal has gone.
                await self._application.run_async(set_exception_handler=False, handle_sigint=False)

        self._area.accept_handler = accept
        return asyncio.ensure_future(run())

    def _height(self) -> Dimension:
        """At most half of the screen, so that messages stay visible above."""
        return Dimension(min=1, max=max(1, self._application.output.get_size().rows // 2))

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("enter")
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.validate_and_handle()

        # Not Ctrl-J: some terminals send it for Enter.
        @keys.add("escape", "enter")
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add("c-c")
        def _(_: KeyPressEvent) -> None:
            signal.raise_signal(signal.SIGINT)

        @keys.add("c-d", filter=Condition(lambda: not self._area.text))
        def _(event: KeyPressEvent) -> None:
            event.app.exit()

        @keys.add("c-z")
        def _(event: KeyPressEvent) -> None:
            event.app.suspend_to_background()

        return keys
