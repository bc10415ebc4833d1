"""Wrong config ends the preview with one sentence, before anything is created."""

import pytest

from .world import PulumiError, Stack

WRONG: dict[str, tuple[str, str]] = {
    "memorySize": ("99", "(in config: memorySize) = 99 is not allowed: it must be an integer from 128 to 10240 (MB)"),
    "authentication": ("magic", "authentication = 'magic' is not allowed: it must be none, jwt, iam"),
    "logRetentionDays": ("2", "(in config: logRetentionDays) = 2 is not allowed: it must be one of 0, 1, 3, 5, 7"),
}


@pytest.mark.parametrize("key", WRONG)
@pytest.mark.parametrize("command", [("preview",), ("up", "--yes", "--skip-preview")])
def test_a_wrong_value_is_told_once_without_a_stack_trace(stack: Stack, key: str, command: tuple[str, ...]) -> None:
    value, sentence = WRONG[key]
    stack.config(**{key: value})
    with pytest.raises(PulumiError) as failed:
        stack.pulumi(*command)
    shown = _diagnostics(failed.value)
    assert sentence in shown[0]
    assert len(shown) == 1
    assert stack.provider.operations == []


def test_a_missing_messages_table_is_told_in_the_preview(stack: Stack) -> None:
    stack.config(messagesTable="Elsewhere")
    with pytest.raises(PulumiError) as failed:
        stack.pulumi("preview")
    shown = _diagnostics(failed.value)
    assert "The messages table 'Elsewhere' cannot be used" in shown[0]
    assert len(shown) == 1


def _diagnostics(error: PulumiError) -> list[str]:
    """Return the errors at the end, each with all its lines."""
    _, _, shown = str(error).partition("\nDiagnostics:\n")
    shown, _, _ = shown.partition("\nResources:\n")
    _, *errors = shown.split("error: ")
    assert "Traceback" not in shown
    return errors
