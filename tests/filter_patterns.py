"""Filter patterns of CloudWatch Logs, as far as the component uses them: the emulator keeps them but counts nothing.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
"""

import json
import re
from typing import Any

_CONDITION = re.compile(r'\$\.(?P<field>\w+) (?P<operator>=|!=|>|>=|IS) (?P<operand>FALSE|"[^"*]*"|[0-9.]+)')


def counted(pattern: str, value: str, line: str) -> float | None:
    """What a metric filter adds to its metric for a line of a log. None if the line does not match.

    Args:
        pattern: Conditions with ``&&`` between them.
        value: A number, or a field that the pattern names.
        line: The line. One that is not JSON does not match.
    """
    inner = re.fullmatch(r"\{ (.+) \}", pattern)
    assert inner, f"not a pattern of JSON: {pattern}"
    conditions = [_CONDITION.fullmatch(part) for part in inner[1].split(" && ")]
    assert all(conditions), f"not understood: {pattern}"
    fields = json.loads(line)
    if not all(_holds(fields, **one.groupdict()) for one in conditions if one):
        return None
    if not value.startswith("$."):
        return float(value)
    field = value.removeprefix("$.")
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html
    assert field in {one["field"] for one in conditions if one}, f"the pattern does not name {value}"
    found = fields[field]
    assert not isinstance(found, bool)
    assert isinstance(found, int | float), f"{value} is not a number"
    return float(found)


def dimension(pattern: str, field: str, line: str) -> str:
    """The value of a dimension for a line that matches."""
    assert f"{field} " in pattern, f"the pattern does not name {field}"
    return str(json.loads(line)[field.removeprefix("$.")])


def _holds(fields: dict[str, Any], *, field: str, operator: str, operand: str) -> bool:
    """Whether a condition holds. None holds for a field that is missing."""
    if field not in fields:
        return False
    found = fields[field]
    if operator == "IS":
        return found is False
    if operand.startswith('"'):
        assert operator in {"=", "!="}
        return (found == operand.strip('"')) is (operator == "=")
    if isinstance(found, bool) or not isinstance(found, int | float):
        return False
    number = float(operand)
    return {"=": found == number, "!=": found != number, ">": found > number, ">=": found >= number}[operator]
