"""The signer signs exactly as botocore does."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.exceptions import NoCredentialsError
from botocore.utils import percent_encode
from hypothesis import given
from hypothesis import strategies as st

from handlers.posting.sigv4 import Credentials, CredentialSource, RequestSigner

if TYPE_CHECKING:
    from pathlib import Path


class Step(NamedTuple):
    """One request to sign."""

    connection_id: str
    body: bytes
    at: int
    credentials: Credentials


# A path resolver would remove dot segments. API Gateway never creates such ids.
connection_ids = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{15}=", fullmatch=True), st.text(), st.text(alphabet="aZ9 =/+%&?#~.-_é漢")
).filter(lambda text: text.strip(".") or not text)
secrets = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
credentials = st.builds(Credentials, secrets, secrets, st.one_of(st.just(""), secrets))
steps = st.builds(Step, connection_ids, st.binary(), st.integers(0, 4_000_000_000), credentials)
# Few distinct values, so that the signer meets its cached values in all combinations.
repeating_steps = st.builds(
    Step,
    st.sampled_from(["AbC=", "a b"]),
    st.sampled_from([b"one", b"two"]),
    st.sampled_from([1_700_000_000, 1_700_000_001, 1_700_090_000]),
    st.sampled_from([Credentials("A", "s", ""), Credentials("A", "s", "t"), Credentials("A", "r", "t")]),
)
endpoints = st.builds(
    "{}{}{}".format,
    st.sampled_from(["https://abc.execute-api.eu-central-1.amazonaws.com", "http://localhost", "http://[::1]"]),
    st.one_of(st.sampled_from(["", ":443", ":80"]), st.integers(1, 65535).map(":{}".format)),
    st.sampled_from(["/production", "/_aws/execute-api/abc123/production", "/a~b_c"]),
)


def botocore_headers(endpoint: str, region: str, step: Step) -> dict[str, str]:
    request = AWSRequest("POST", f"{endpoint}/@connections/{percent_encode(step.connection_id, safe='-._~')}")
    request.data = step.body
    with pytest.MonkeyPatch.context() as patch:
        now = dt.datetime.fromtimestamp(step.at, dt.UTC)
        patch.setattr(botocore.auth, "get_current_datetime", lambda: now)
        signing = BotocoreCredentials(step.credentials.access_key, step.credentials.secret_key, step.credentials.token)
        botocore.auth.SigV4Auth(signing, "execute-api", region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def check(signer: RequestSigner, endpoint: str, region: str, step: Step) -> None:
    head, _, body = signer.request(*step).partition(b"\r\n\r\n")
    assert body == step.body
    request_line, *lines = head.decode().split("\r\n")
    headers = dict(line.split(":", 1) for line in lines)
    expected = botocore_headers(endpoint, region, step)
    assert headers["authorization"].strip() == expected["authorization"]
    assert headers["x-amz-date"] == expected["x-amz-date"]
    assert headers.get("x-amz-security-token") == expected.get("x-amz-security-token")
    assert headers["content-length"].strip() == str(len(step.body))
    path = endpoint.split("/", 3)[3]
    assert request_line == f"POST /{path}/@connections/{percent_encode(step.connection_id, safe='-._~')} HTTP/1.1"


@given(endpoints, st.sampled_from(["us-east-1", "eu-central-1", "cn-north-1"]), steps)
def test_signs_as_botocore_does(endpoint: str, region: str, step: Step) -> None:
    check(RequestSigner(endpoint, region), endpoint, region, step)


@given(st.lists(repeating_steps, max_size=12))
def test_cached_values_never_change_a_signature(sequence: list[Step]) -> None:
    endpoint = "https://abc.execute-api.us-east-1.amazonaws.com/production"
    signer = RequestSigner(endpoint, "us-east-1")
    for step in sequence:
        check(signer, endpoint, "us-east-1", step)


def test_the_id_is_encoded_once_in_the_request() -> None:
    signer = RequestSigner("https://abc.execute-api.us-east-1.amazonaws.com/production", "us-east-1")
    request = signer.request("AbC=", b"", 0, Credentials("A", "s", ""))
    assert request.startswith(b"POST /production/@connections/AbC%3D HTTP/1.1\r\n")
    assert b"\r\nhost:abc.execute-api.us-east-1.amazonaws.com\r\n" in request


def test_credentials_rotate_with_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    source = CredentialSource()
    assert source.current() == Credentials("AKIDEXAMPLE", "secret", "token")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "next")
    assert source.current() == Credentials("AKIDEXAMPLE", "secret", "next")


def test_other_credentials_come_from_botocore(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = B\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    assert CredentialSource().current() == Credentials("B", "s", "")


def test_missing_credentials_are_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(NoCredentialsError):
        CredentialSource().current()
