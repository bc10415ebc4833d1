"""Wrong config ends the preview with one sentence, before anything is created."""

import pytest

from .world import Stack

WRONG: dict[str, tuple[str, str]] = {
    "memorySize": ("99", "(in config: memorySize) = 99 is not allowed: it must be an integer from 128 to 10240 (MB)"),
    "authentication": ("magic", "authentication = 'magic' is not allowed: it must be none, jwt, iam"),
    "logRetentionDays": ("2", "(in config: logRetentionDays) = 2 is not allowed: it must be one of 0, 1, 3, 5, 7"),
}


@pytest.mark.parametrize("key", WRONG)
@pytest.mark.parametrize("command", [("preview",), ("up", "--yes", "--skip-preview")])
def test_a_wrong_value_is_told_once_and_first(stack: Stack, key: str, command: tuple[str, ...]) -> None:
    value, sentence = WRONG[key]
    stack.config(**{key: value})
    assert _errors(stack.refusal(*command))[0].count(sentence) == 1


def test_a_missing_messages_table_is_told_in_the_preview(stack: Stack) -> None:
    stack.config(messagesTable="Elsewhere")
    assert "The messages table 'Elsewhere' cannot be used" in _errors(stack.refusal("preview"))[0]


def _errors(text: str) -> list[str]:
    _, *errors = text.partition("\nResources:\n")[0].split("error: ")
    assert len(errors) == 1, text
    return errors
