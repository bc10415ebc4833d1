"""docs/security.md agrees with the deployed policy and with the attacks."""

from components import policy

from .attack import ATTACKS
from .document import DOCUMENT, attacks_named, files_named, statements, with_table

TEXT = DOCUMENT.read_text()


def test_tables_show_the_attacks() -> None:
    assert with_table(TEXT) == TEXT, "run python -m tests.security"


def test_attacks_in_the_threat_model_exist() -> None:
    named = attacks_named(TEXT)
    assert named
    assert named <= ATTACKS.keys()


def test_files_of_tests_in_the_document_exist() -> None:
    named = files_named(TEXT)
    assert named
    assert [path for path in named if not (DOCUMENT.parent.parent / path).exists()] == []


def test_documented_statements_equal_the_policy() -> None:
    every_statement = [
        *policy.for_logs(log_group_arns=["<log group>"]),
        *policy.for_serving(
            connections_table_arn="<connections table>",
            connections_are_counted=True,
            joined_groups_are_listed=True,
            messages_table_arn="<messages table>",
            table_key_arns=["arn:aws:kms:<region>:<account>:key/<key of the table>"],
            execution_arn="<api>",
            stage_name="<stage>",
        ),
        *policy.for_background(broadcast_function_arn="<function Broadcast>", failures_queue_arn="<failures queue>"),
        *policy.for_members(members_table_arn="<members table>"),
        *policy.for_unread(read_markers_table_arn="<read markers table>"),
        *policy.for_events(event_bus_arn="<event bus>"),
        *policy.for_moderation(function_arn="<moderationFunction>"),
        *policy.for_changes(changes_table_arn="<changes table>", messages_table_arn="<messages table>"),
        *policy.for_presence(stream_arn="<connections table's stream>"),
        *policy.for_key(kms_key_arn="arn:aws:kms:<region>:<account>:key/<id>"),
        *policy.for_tracing(),
    ]
    deployed = {}
    for statement in every_statement:
        resources = statement["Resource"]
        names = {resources} if isinstance(resources, str) else set(resources)
        for condition in statement.get("Condition", {}).values():
            names |= {value for values in condition.values() for value in values}
        deployed[statement["Sid"]] = set(statement["Action"]), names
    assert statements(TEXT) == deployed
