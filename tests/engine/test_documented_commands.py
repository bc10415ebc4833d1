"""Every command of the Pulumi CLI in the documents works, and does what they say.

A story is what a person does who follows them. Its lines are typed as the documents have them, into a shell. A new line
in a document fails the first test until a story has it. docs/migration.md is the story of test_migration.py.
"""

import json
import re
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.sync.client import connect

from local.aws.schema import RESOURCE_TYPES
from local.prerequisites import create_members_table
from tests.clients import ChatClient

from . import test_migration
from .chatting import Chatting
from .commands import documented
from .interrupting import half_way
from .world import PROJECT, PulumiError, Run, Stack, copy_program

NOT_TYPED = {
    "pulumi state unprotect": "the documents say not to use it",
    "pulumi package add YOUR-GIT-SERVER/YOUR-TEAM/websocket-chat.git/package@VERSION": "it needs a Git server",
    "pulumi package add ../websocket-chat/package": "a CLI that was built here has no language to generate an SDK for",
}
"""Commands that are in no story, and why."""

FILLED = {
    "YOUR_APP_CLIENT_ID": "4q2example",
    "KEY": "memorySize",
    "VALUE": "256",
    "CERTIFICATE_ARN": "arn:aws:acm:us-east-1:000000000000:certificate/1234abcd",
    "TOKEN": "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl",
    "python3.13": f"python3.{sys.version_info.minor}",
}
"""What the person types in place of a word."""


class Reader:
    """A person who types what the documents say.

    Attributes:
        stack: The folder, the environment and the state.
        last: The last line, and what it printed.
        words: What the person types in place of a word.
        meanwhile: What ends with the story.
        ids: Ids of the resources, as an import takes them, by their names in the program.
    """

    def __init__(self, stack: Stack, template: Path) -> None:
        self.stack = stack
        self.last = Run("", ())
        self.messages = 0
        self.meanwhile = ExitStack()
        self.ids: dict[str, str] = {}
        self.words = FILLED | {"https://YOUR-GIT-SERVER/websocket-chat": str(template)}

    def type(self, line: str) -> None:
        """Type a line. It must succeed."""
        if urn := re.search(r"urn:\S+:WebSocketChat::chat\b", self.last.text):
            self.words["URN"] = urn[0]
        for word, value in self.words.items():
            line = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", value, line)
        self.last = self.stack.shell(line)

    def is_refused(self, line: str, match: str) -> None:
        """Type a line that must fail."""
        with pytest.raises(PulumiError, match=match):
            self.type(line)


def has_settings_for_production(reader: Reader) -> None:
    (reader.stack.directory / "Pulumi.production.yaml").write_bytes((PROJECT / "Pulumi.production.yaml").read_bytes())


def connects(reader: Reader) -> None:
    *_, url = reader.last.text.split()
    with connect(url) as client:
        client.send('{"action":"ping"}')
        # The client may be told first that it has joined.
        while json.loads(client.recv(timeout=10))["action"] != "pong":
            pass


def front_end_has_the_url(reader: Reader) -> None:
    line = f"NEXT_PUBLIC_WS_ENDPOINT={reader.stack.outputs()['WebSocketURL']}"
    assert reader.last.text.strip() == line


def there_is_a_members_table(reader: Reader) -> None:
    create_members_table(reader.stack.emulator)


def nothing_changed(reader: Reader) -> None:
    assert reader.last.operations == ()


def goes_back_to_production(reader: Reader) -> None:
    reader.type("pulumi stack select production")


def destroy_is_refused(reader: Reader) -> None:
    reader.is_refused("pulumi destroy", "protected")


def only_the_old_messages_are_left(reader: Reader) -> None:
    assert reader.stack.state() == {}
    assert _tables(reader) == ["ChatMessages"]


def audience_of_digits_is_refused(reader: Reader) -> None:
    reader.type("pulumi config set --path 'jwtAudience[0]' 1234567890")
    reader.is_refused("pulumi preview", "jwtAudience")


def starts_in_an_empty_folder(reader: Reader) -> None:
    reader.stack.directory = reader.stack.directory.parent / "my-chat"
    reader.stack.directory.mkdir()
    reader.stack.emulator.client("dynamodb").delete_table(TableName="ChatMessages")


def somebody_says_something(reader: Reader) -> None:
    with ChatClient(reader.stack.outputs()["WebSocketURL"], "alice", "demo") as alice:
        alice.say("Hello")
        assert alice.receive()["message"] == "Hello"
    reader.messages += 1


def messages_are_there(reader: Reader) -> None:
    found = reader.stack.emulator.client("dynamodb").scan(TableName="ChatMessages", Select="COUNT")
    assert found["Count"] == reader.messages > 0


def only_messages_are_left(reader: Reader) -> None:
    only_the_old_messages_are_left(reader)
    messages_are_there(reader)


def up_meets_the_table(reader: Reader) -> None:
    reader.is_refused("pulumi up", "Table already exists: ChatMessages")


def pulumi_shall_manage_the_table(reader: Reader) -> None:
    reader.type("pulumi config set createMessagesTable true")


def table_is_managed(reader: Reader) -> None:
    assert set(reader.last.names("update")) <= {"messages"}
    assert "messages" in reader.stack.state()
    assert reader.stack.up().operations == ()


def unread_is_on_and_off(reader: Reader) -> None:
    for value in (True, None):
        reader.stack.up(unread=value)
        assert "WebSocketReadMarkers" in _tables(reader)
    reader.type("pulumi config set unread true")
    reader.is_refused("pulumi up", "Table already exists: WebSocketReadMarkers")


def markers_are_managed(reader: Reader) -> None:
    assert "read-markers" in reader.stack.state()
    assert reader.stack.up().operations == ()


def the_back_end_speaks(reader: Reader) -> None:
    outputs = reader.stack.outputs()
    with ChatClient(outputs["WebSocketURL"], "alice", "demo") as alice:
        event = {"action": "sendMessage", "groupId": "demo", "message": "Your order has shipped"}
        functions = reader.stack.emulator.client("lambda")
        functions.invoke(FunctionName=outputs["PublishFunction"], Payload=json.dumps(event))
        assert alice.receive("message")["senderId"] == "system"


def has_a_hosted_zone(reader: Reader) -> None:
    zone = reader.stack.emulator.client("route53").create_hosted_zone(Name="example.com", CallerReference="story")
    reader.words["HOSTED_ZONE_ID"] = zone["HostedZone"]["Id"].rpartition("/")[2]


def shows_what_to_type_at_the_provider(reader: Reader) -> None:
    assert re.search(r"^d-\w+\.execute-api\.us-east-1\.amazonaws\.com$", reader.last.text, re.MULTILINE)


def record_is_made(reader: Reader) -> None:
    assert reader.last.names("create") == ["domain-record"]
    assert reader.stack.outputs()["WebSocketURL"] == "wss://chat.example.com"


def no_table_is_left(reader: Reader) -> None:
    assert _tables(reader) == []


def up_is_killed(reader: Reader) -> None:
    half_way(reader.stack, signal.SIGKILL, "--parallel=1", at="role")


def lists_the_role(reader: Reader) -> None:
    [begun] = json.loads(reader.last.text)["deployment"]["pending_operations"]
    assert begun["resource"]["urn"].endswith("::chat-role")


def role_is_not_made_again(reader: Reader) -> None:
    assert "role" not in reader.last.names("create")


def writes_the_file(reader: Reader) -> None:
    [file] = re.findall(
        r"^ *```json\n(.*?)^ *```$", (PROJECT / "docs/operations.md").read_text(), re.MULTILINE | re.DOTALL
    )
    (reader.stack.directory / "import.json").write_text(file)


def clients_chat(reader: Reader) -> None:
    reader.meanwhile.enter_context(Chatting(reader.stack.outputs()["WebSocketURL"]))


def state_is_lost(reader: Reader) -> None:
    for name, found in reader.stack.state().items():
        if declared := RESOURCE_TYPES.get(found["type"]):
            reader.ids[f"chat-{name}"] = declared.import_id.format(**(found["outputs"] | {"id": found["id"]}))
    shutil.rmtree(reader.stack.directory.parent / "state")
    (reader.stack.directory.parent / "state").mkdir()


def fills_in_the_ids(reader: Reader) -> None:
    file = reader.stack.directory / "import.json"
    resources = json.loads(file.read_text())["resources"]
    assert {one["name"] for one in resources if one.get("id") == "<PLACEHOLDER>"} == reader.ids.keys()
    filled = [
        one | ({"id": reader.ids[one["name"]]} if "id" in one else {})
        for one in resources
        if one["name"] != "chat-logs-policy"
    ]
    file.write_text(json.dumps({"resources": filled}))


def only_what_pulumi_names_is_replaced(reader: Reader) -> None:
    replaced = reader.last.names("create")
    assert sorted(replaced) == sorted([*reader.last.names("delete"), "logs-policy"])
    # Nothing uses the old one any more.
    reader.stack.emulator.client("iam").delete_policy(PolicyArn=reader.ids["chat-logs-policy"])
    kinds = {"attachment", "deployment", "failures", "permission", "policy"}
    assert {name.rpartition("-")[2] for name in replaced} == kinds
    url = f"/{reader.ids['chat-api']}/production"
    assert reader.stack.outputs()["WebSocketURL"].endswith(url)
    assert reader.stack.up().operations == ()


def _tables(reader: Reader) -> list[str]:
    names: list[str] = reader.stack.emulator.client("dynamodb").list_tables()["TableNames"]
    return names


IMPORT_TABLE = (
    "pulumi import aws:dynamodb/table:Table chat-messages ChatMessages --parent chat=URN "
    "--generate-code=false --protect=false"
)
IMPORT_MARKERS = IMPORT_TABLE.replace("chat-messages ChatMessages", "chat-read-markers WebSocketReadMarkers")
Step = str | Callable[[Reader], None]

STORIES: dict[str, tuple[str | None, tuple[Step, ...]]] = {
    "deploy, update, delete": (
        None,
        (
            has_settings_for_production,
            "pulumi stack init production",
            "pulumi preview",
            "pulumi up",
            "pulumi stack output WebSocketURL",
            "pulumi stack output FailuresQueueURL",
            'echo "NEXT_PUBLIC_WS_ENDPOINT=$(pulumi stack output WebSocketURL)"',
            front_end_has_the_url,
            'npx wscat -c "$(pulumi stack output WebSocketURL)?userId=alice&groupId=demo"',
            connects,
            'npx wscat -c "$(pulumi stack output WebSocketURL)?groupId=demo&token=TOKEN"',
            "pulumi install",
            "PULUMI_PYTHON_CMD=python3.13 pulumi install",
            "pulumi up",
            nothing_changed,
            "pulumi stack history",
            "pulumi refresh",
            nothing_changed,
            "pulumi stack init dev",
            "pulumi config set aws:region us-east-1",
            "pulumi config set namePrefix Dev",
            "pulumi preview",
            goes_back_to_production,
            destroy_is_refused,
            "pulumi config set deletionProtection false",
            "pulumi up",
            "pulumi destroy",
            only_the_old_messages_are_left,
        ),
    ),
    "configure": (
        "dev",
        (
            "pulumi config set KEY VALUE",
            "pulumi config set --path 'tags[0]' Team=chat",
            "pulumi config set authentication jwt",
            "pulumi config set cognitoUserPoolId us-east-1_AbCdEfGhI",
            "pulumi config set --path 'jwtAudience[0]' YOUR_APP_CLIENT_ID",
            "pulumi config set groupClaim cognito:groups",
            "pulumi preview",
            audience_of_digits_is_refused,
            "pulumi config set --path --type string 'jwtAudience[0]' 1234567890",
            "pulumi config rm KEY",
            "pulumi config set moderationFunction arn:aws:lambda:eu-central-1:123456789012:function:Moderate:live",
            "pulumi config set onModerationFailure closed",
            "pulumi preview",
        ),
    ),
    "events for members who are offline": (
        "dev",
        (
            there_is_a_members_table,
            "pulumi config set eventBus default",
            "pulumi config set groupMembersTable GroupMembers",
            "pulumi up",
            "pulumi config set eventText true",
            "pulumi up",
        ),
    ),
    "the messages table stays": (
        None,
        (
            starts_in_an_empty_folder,
            "pulumi new https://YOUR-GIT-SERVER/websocket-chat",
            "pulumi up",
            somebody_says_something,
            "pulumi destroy",
            only_messages_are_left,
            up_meets_the_table,
            "pulumi config set createMessagesTable false",
            "pulumi up",
            messages_are_there,
            somebody_says_something,
            pulumi_shall_manage_the_table,
            up_meets_the_table,
            "pulumi stack --show-urns",
            IMPORT_TABLE,
            "pulumi up",
            table_is_managed,
            messages_are_there,
            somebody_says_something,
            unread_is_on_and_off,
            IMPORT_MARKERS,
            "pulumi up",
            markers_are_managed,
            "pulumi config set destroyMessages true",
            "pulumi up",
            nothing_changed,
            "pulumi destroy",
            no_table_is_left,
        ),
    ),
    "an update was killed": (
        "production",
        (
            up_is_killed,
            "pulumi cancel",
            "pulumi stack export",
            lists_the_role,
            "pulumi refresh --clear-pending-creates",
            writes_the_file,
            "pulumi import --file import.json --generate-code=false --protect=false",
            "pulumi up",
            role_is_not_made_again,
            somebody_says_something,
        ),
    ),
    "the back end speaks": ("dev", ("pulumi config set publish true", "pulumi up", the_back_end_speaks)),
    "a domain of one's own": (
        "dev",
        (
            has_a_hosted_zone,
            "pulumi config set domainName chat.example.com",
            "pulumi config set certificateArn CERTIFICATE_ARN",
            "pulumi up",
            "pulumi stack output TargetDomainName",
            shows_what_to_type_at_the_provider,
            "pulumi config set hostedZoneId HOSTED_ZONE_ID",
            "pulumi up",
            record_is_made,
        ),
    ),
    "the state is lost": (
        None,
        (
            has_settings_for_production,
            "pulumi stack init production",
            "pulumi up",
            clients_chat,
            state_is_lost,
            "pulumi stack init production",
            "pulumi preview --import-file import.json",
            fills_in_the_ids,
            "pulumi import --file import.json --generate-code=false --protect=false",
            "pulumi up",
            only_what_pulumi_names_is_replaced,
        ),
    ),
}
"""Stories: the stack that is there already, and what the person does."""


def test_every_command_is_in_a_story() -> None:
    typed = {step for _, steps in STORIES.values() for step in steps if isinstance(step, str)}
    typed |= {line for line in test_migration.LINES if line.startswith("pulumi ")}
    found = documented()
    assert {command: files for command, files in found.items() if command not in typed | NOT_TYPED.keys()} == {}
    assert typed | NOT_TYPED.keys() == found.keys()


@pytest.mark.parametrize("story", STORIES)
def test_a_person_who_follows_the_documents(new_stack: Callable[..., Stack], tmp_path: Path, story: str) -> None:
    name, steps = STORIES[story]
    reader = Reader(new_stack(name), copy_program(tmp_path / "websocket-chat"))
    with reader.meanwhile:
        for step in steps:
            if isinstance(step, str):
                reader.type(step)
            else:
                step(reader)
