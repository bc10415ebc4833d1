"""A chat of three users: the functions in this process, DynamoDB from moto, the management API on loopback."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from moto import backend_index, mock_aws

from handlers import presence_events
from handlers.posting import closing, delivery, events, fan_out, management_api
from handlers.protocol import ids
from handlers.requests import moderation
from handlers.runtime import settings
from handlers.tables import members, rate_limit, rows
from handlers.tables.aws import dynamodb
from tests.graph.stack import chat as deployed

from .chat import ANA, BOB, EVE, Chat
from .management_api_server import ManagementApiServer
from .program import Call
from .tables import CHANGES, MEMBERS, Tables

CONNECTION_TTL = 3 * 3600


@pytest.fixture
def gateway() -> Iterator[ManagementApiServer]:
    with ManagementApiServer() as server:
        yield server


@pytest.fixture(scope="session")
def variables() -> dict[str, str]:
    """The functions' environment variables, as the component sets them by default."""
    function = deployed().resources["chat-send-message-function"]
    environment: dict[str, str] = function.inputs["environment"]["variables"]
    return environment


@pytest.fixture(autouse=True)
def cold_start(
    gateway: ManagementApiServer, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Start as in a new process: the environment is read again, and connections to the management API are new."""
    for name, value in (variables | {"AWS_REGION": "eu-central-1", "CALLBACK_URL": gateway.url}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ids, "_values", ids._increasing())  # noqa: SLF001 - a new process has made no id yet
    yield
    for api in management_api._of_threads.values():  # noqa: SLF001 - of a process that has ended
        api.close()
    management_api._of_threads.clear()  # noqa: SLF001 - the same
    settings.settings.cache_clear()
    rate_limit._busy_until.clear()  # noqa: SLF001 - of a process that has ended
    fan_out._stale.clear()  # noqa: SLF001 - the same
    fan_out._foreign.clear()  # noqa: SLF001 - the same
    closing._client.cache_clear()  # noqa: SLF001 - the same
    events._large.clear()  # noqa: SLF001 - the same
    presence_events._told.clear()  # noqa: SLF001 - the same
    presence_events._ended.clear()  # noqa: SLF001 - the same
    presence_events._missed.clear()  # noqa: SLF001 - the same
    delivery._pushed.clear()  # noqa: SLF001 - the same
    members._read.clear()  # noqa: SLF001 - the same
    members._checked.clear()  # noqa: SLF001 - the same
    rows._reported.clear()  # noqa: SLF001 - the same
    moderation.moderation_client.cache_clear()


@pytest.fixture(scope="session")
def only_dynamodb() -> None:
    """Moto prepares answers for every address of every service, again in each test."""
    backend_index.backend_url_patterns[:] = [
        (service, address) for service, address in backend_index.backend_url_patterns if service == "dynamodb"
    ]


@pytest.fixture
def tables(cold_start: None, only_dynamodb: None) -> Iterator[Tables]:  # noqa: ARG001 - the client needs them
    """Both tables, empty. Tests share the client, because building it is slow and it does not change."""
    with mock_aws():
        yield Tables(dynamodb())


@pytest.fixture
def chat(tables: Tables, gateway: ManagementApiServer) -> Chat:
    """Ana and bob in the group red, eve in the group blue. All connected a minute ago, and speak protocol 1."""
    return _with_users(tables, gateway)


@pytest.fixture
def modern_chat(tables: Tables, gateway: ManagementApiServer) -> Chat:
    """The same chat, but all speak protocol 2."""
    tables.protocol = 2
    return _with_users(tables, gateway)


@pytest.fixture
def with_members(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    """A members table: ana, bob and dora belong to the group red, dora also to blue."""
    chat.tables.create_members(red=["ana", "bob", "dora"], blue=["dora"])
    monkeypatch.setenv("MEMBERS_TABLE", MEMBERS)
    settings.settings.cache_clear()


@pytest.fixture
def publish_is_on(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - the function reads them
    """The functions know what the system is called."""
    monkeypatch.setenv("SYSTEM_NAME", "Support")
    settings.settings.cache_clear()


@pytest.fixture
def call() -> Call:
    """A program that calls the function of the back end."""
    return Call()


@pytest.fixture
def with_changes(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages can be changed."""
    tables.create_changes()
    monkeypatch.setenv("CHANGES_TABLE", CHANGES)
    settings.settings.cache_clear()


def _with_users(tables: Tables, gateway: ManagementApiServer) -> Chat:
    for connection_id, user_id, group_id in ((ANA, "ana", "red"), (BOB, "bob", "red"), (EVE, "eve", "blue")):
        tables.add_connection(connection_id, user_id, group_id)
    return Chat(tables, gateway)


@dataclass(frozen=True)
class Log:
    """The log lines of the functions, at the levels that they set."""

    captured: pytest.LogCaptureFixture

    @property
    def records(self) -> list[logging.LogRecord]:
        """All records except those of moto."""
        return [record for record in self.captured.records if not record.name.startswith("moto.")]

    def served(self) -> dict[str, Any]:
        """Fields of the only line that ends an invocation."""
        [record] = [record for record in self.records if record.getMessage() == "served"]
        return _fields(record)

    def text(self) -> str:
        """The whole log as text, including fields and errors that only some formats show."""
        return repr([(record.getMessage(), vars(record)) for record in self.records])

    def warnings(self) -> list[str]:
        """Messages of warnings and errors."""
        return [record.getMessage() for record in self.records if record.levelno >= logging.WARNING]

    def level_of(self, part: str) -> int:
        """Level of the only record whose message contains a text."""
        [record] = [record for record in self.records if part in record.getMessage()]
        return record.levelno


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    caplog.set_level(logging.DEBUG)
    return Log(caplog)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    usual = {*vars(logging.makeLogRecord({})), "message", "asctime"}
    return {name: value for name, value in vars(record).items() if name not in usual}
