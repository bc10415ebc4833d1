"""Messages are restored from a backup into another table, and the chat goes on with it. docs/operations.md says how."""

from local.deploy import deploy
from local.emulator import Emulator

from .conftest import Chat


def test_a_chat_goes_on_with_a_restored_table(emulator: Emulator) -> None:
    tables = emulator.client("dynamodb")
    config = {"namePrefix": "Backed", "messagesTable": "BackedMessages", "createMessagesTable": True}
    before = Chat(emulator, deploy(emulator, config))
    with before.join("alice", "red", protocol=2) as alice:
        alice.say("Kept", clientMessageId="c1")
        alice.receive("ack")
        backup = tables.create_backup(TableName="BackedMessages", BackupName="nightly")["BackupDetails"]["BackupArn"]
        alice.say("Lost", clientMessageId="c2")
        alice.receive("ack")
        known = alice.ask("getHistory")
        assert [message["message"] for message in known["messages"]] == ["Kept", "Lost"]
    tables.restore_table_from_backup(TargetTableName="RestoredMessages", BackupArn=backup)

    config = {"namePrefix": "Restored", "messagesTable": "RestoredMessages", "createMessagesTable": False}
    after = Chat(emulator, deploy(emulator, config))
    with after.join("alice", "red", protocol=2) as alice, after.join("bob", "red", protocol=2) as bob:
        # A client that has seen both catches up from behind the end.
        assert "Lost" not in [
            message["message"] for message in alice.ask("getHistory", after=known["after"])["messages"]
        ]
        # A client that is not sure sends again: what is there stays as it is, and what was lost is there again.
        alice.say("Kept", clientMessageId="c1")
        assert alice.receive("ack")["duplicate"] is True
        alice.say("Lost", clientMessageId="c2")
        assert alice.receive("ack")["duplicate"] is False
        bob.say("New", clientMessageId="c3")
        bob.receive("ack")
        caught_up = alice.ask("getHistory", after=known["after"])["messages"]
        assert [message["message"] for message in caught_up if message["message"] != "Kept"] == ["Lost", "New"]
        everything = bob.ask("getHistory")["messages"]
        assert [message["message"] for message in everything] == ["Kept", "Lost", "New"]
