"""A KMS key of your own. The emulator does not check whether the functions may use the key: only AWS does."""

from local.deploy import deploy
from tests.end_to_end.conftest import Chat


def test_tables_logs_and_queue_are_encrypted_with_the_key(chat: Chat) -> None:
    emulator = chat.emulator
    key = emulator.client("kms").create_key()["KeyMetadata"]["Arn"]
    config = {"namePrefix": "Keyed", "messagesTable": "Keyed", "createMessagesTable": True, "kmsKeyArn": key}
    keyed = Chat(emulator, deploy(emulator, config))
    for table in ("ConnectionsTable", "MessagesTable"):
        described = emulator.client("dynamodb").describe_table(TableName=keyed.outputs[table])["Table"]
        assert described["SSEDescription"]["KMSMasterKeyArn"] == key
    groups = emulator.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/Keyed")["logGroups"]
    assert {group.get("kmsKeyId") for group in groups} == {key}
    queue = keyed.outputs["FailuresQueueURL"]
    attributes = emulator.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert attributes["KmsMasterKeyId"] == key
    with keyed.join("alice", "g") as alice:
        alice.say("Hello")
        assert alice.receive("message")["message"] == "Hello"
