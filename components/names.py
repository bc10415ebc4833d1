"""The names in AWS that must differ: two chats in a program, or two resources of a chat, could have the same."""

from weakref import WeakKeyDictionary

import pulumi
import pulumi_aws as aws
from pulumi.runtime.settings import get_root_resource

_UNIQUE = (
    aws.apigatewayv2.DomainName,
    aws.cloudwatch.LogGroup,
    aws.dynamodb.Table,
    aws.iam.Role,
    aws.lambda_.Function,
)
"""The types that we name, and whose names AWS allows once: a role's in an account, the others in a region of an
account. Pulumi makes up the names of queues and managed policies, so that they differ."""

_Name = tuple[str, pulumi.ProviderResource | None, str]
_taken: WeakKeyDictionary[object, dict[_Name, str]] = WeakKeyDictionary()
"""Who has a name, for each run of a program: its stack is the key. In the package, a process serves one run."""


class _Run:
    """The run of a program in another language, which has no stack in this process."""


_THE_RUN = _Run()


class SameNameError(pulumi.RunError):
    """Two resources would have the same name in AWS. Pulumi prints this error without a stack trace."""


def claim_name(
    resource: pulumi.CustomResource, logical_name: str, component: pulumi.Resource
) -> pulumi.Output[None] | None:
    """Refuse the run if another resource of the program has the same name in AWS, which would end the update half way.

    The name is the one that the engine knows in the preview, after all transforms. Resources with different providers
    may have the same name, because their regions or accounts may differ.

    Args:
        resource: The resource. Only some types have names that must differ.
        logical_name: Its name in the stack.
        component: The component, whose provider creates it.

    Returns:
        It fails with a :class:`SameNameError` if another resource has the name. An output of the component must depend
        on it: in a package, nobody sees other errors. None if the name may be there several times.
    """
    if not isinstance(resource, _UNIQUE):
        return None
    taken = _taken.setdefault(get_root_resource() or _THE_RUN, {})

    def claim(name: str) -> None:
        # IAM does not tell upper and lower case apart.
        # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
        compared = name.lower() if isinstance(resource, aws.iam.Role) else name
        owner = taken.setdefault(
            (type(resource).__name__, component.get_provider("aws:index:Any"), compared), logical_name
        )
        if owner != logical_name:
            raise SameNameError(
                f"{owner} and {logical_name} would both be named {name!r} in AWS. Give one of them another name with "
                f"name_prefix (in config: namePrefix), role_name (in config: roleName), messages_table (in config: "
                f"messagesTable) or domain_name (in config: domainName)."
            )

    name = resource.domain_name if isinstance(resource, aws.apigatewayv2.DomainName) else resource.name
    return name.apply(claim)
