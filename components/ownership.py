"""Whose table is it? A tag on each table that the component makes names the project and the stack.

Names of tables are fixed by the arguments, and two stacks with the same arguments may meet in one account and region.
Without this check, the second one fails half way through its first update.
"""

import pulumi
import pulumi_aws as aws

from .arguments.rules import OWN_TAGS
from .existing_table import is_missing

TAG = f"{OWN_TAGS}stack"


class ForeignTableError(pulumi.RunError):
    """A table that the component would make exists already. Pulumi prints this error without a stack trace."""


def stack_tag() -> dict[str, str]:
    """The tag of what this stack makes."""
    return {TAG: f"{pulumi.get_project()}/{pulumi.get_stack()}"}


def refuse_foreign_table(name: str, advice: str, component: pulumi.Resource) -> None:
    """Refuse a table's name if another stack, or no stack, has made a table of this name.

    Args:
        name: Name of a table that the component would make. No table, or one of this stack, is accepted.
        advice: How to do without this name, in whole sentences.
        component: The component, whose provider is asked.

    Raises:
        ForeignTableError: There is a table, and it is not this stack's. Or Pulumi could not look it up.
    """
    try:
        table = aws.dynamodb.get_table(name=name, opts=pulumi.InvokeOptions(parent=component))
    except Exception as error:  # Pulumi raises no narrower one.
        if is_missing(error):
            return
        raise ForeignTableError(
            f"Pulumi could not look up whether there is a table {name!r} already: {error}"
        ) from error
    own, found = stack_tag()[TAG], (table.tags or {}).get(TAG)
    if found == own:
        return
    maker = f"The stack {found} made it" if found else f"It has no tag {TAG}, so no stack of this program made it"
    region = table.arn.split(":")[3]
    raise ForeignTableError(
        f"The table {name!r} exists already. {maker}. {advice} If the table is this stack's own, because "
        f"the project or the stack had another name then, or because version 0.1.0 made it, run: "
        f"aws dynamodb tag-resource --region {region} --resource-arn {table.arn} --tags Key={TAG},Value={own}"
    )
