"""Reading and writing frames: what is accepted, what is refused, and the exact form of the output."""

import re

import pytest

from handlers.protocol import client_frames, frames
from handlers.protocol.client_frames import SendMessage
from handlers.protocol.errors import ChatError, Code
from handlers.protocol.frames import MAX_MESSAGE_BYTES, Frame

ROW = {
    "messageId": "m1",
    "groupId": "red",
    "senderId": "ana",
    "senderName": "Ana",
    "message": "Hi",
    "timestamp": "2026-01-01T00:00:00.000000Z",
}
FRAME: Frame = {"action": "sendMessage", "groupId": "red", "senderId": "ana", "message": "Hi"}
LONGEST_IDS = ["x", "x" * 256, "é" * 128, "😀" * 64]
NO_IDS = [None, "", "x" * 257, "é" * 128 + "x", "\ud800", 1, True, ["x"], {"a": "x"}]


def refusal(error: pytest.ExceptionInfo[ChatError]) -> tuple[Code, bool]:
    assert error.value.message
    return error.value.code, error.value.retryable


def test_frames_are_compact_json_in_utf8() -> None:
    assert frames.encode({"a": "é😀", "b": [1, None, True]}) == '{"a":"é😀","b":[1,null,true]}'.encode()


@pytest.mark.parametrize("body", ['{"a":1}', ' {"a" : 1}\n', '{"a":2,"a":1}'])
def test_an_object_is_decoded(body: str) -> None:
    assert frames.decode(body) == {"a": 1}


@pytest.mark.parametrize("body", ["", "x", "[]", "7", "null", '"a"', '{"a":NaN}', '{"a":-Infinity}', "[" * 50_000])
def test_anything_but_a_json_object_is_refused(body: str) -> None:
    with pytest.raises(ChatError) as error:
        frames.decode(body)
    assert refusal(error) == (Code.BAD_REQUEST, False)
    assert "JSON object" in error.value.message


def test_invalid_unicode_anywhere_in_a_frame_is_refused() -> None:
    frames.require_unicode({"é": ["😀", {"a": "語"}]})
    for frame in ({"a": "\ud800"}, {"\udfff": 1}, {"a": [{"b": "\ud83d"}]}):
        with pytest.raises(ChatError) as error:
            frames.require_unicode(frame)
        assert refusal(error) == (Code.BAD_REQUEST, False)
        assert "Unicode" in error.value.message


@pytest.mark.parametrize(
    ("sizes", "taken", "left"),
    [
        ([], 0, False),
        ([10], 1, False),
        ([MAX_MESSAGE_BYTES * 2], 1, False),
        ([MAX_MESSAGE_BYTES * 2, 10], 1, True),
        ([10, MAX_MESSAGE_BYTES * 2, 10], 1, True),
        # A comma or the closing bracket follows each item.
        ([MAX_MESSAGE_BYTES // 2 - 1] * 2, 2, False),
        ([MAX_MESSAGE_BYTES // 2 - 1, MAX_MESSAGE_BYTES // 2], 1, True),
        ([MAX_MESSAGE_BYTES // 4 - 1] * 5, 4, True),
    ],
)
def test_a_list_takes_as_many_items_as_fit_into_a_frame(sizes: list[int], taken: int, *, left: bool) -> None:
    items = [{"é": "x" * (size - len(frames.encode({"é": ""})))} for size in sizes]
    assert [len(frames.encode(item)) for item in items] == sizes
    assert frames.fit(items) == (items[:taken], left)


@pytest.mark.parametrize("value", LONGEST_IDS)
def test_ids_of_1_to_256_bytes_are_accepted(value: str) -> None:
    assert frames.is_id(value)


@pytest.mark.parametrize("value", NO_IDS)
def test_other_ids_are_refused(value: object) -> None:
    assert not frames.is_id(value)


def test_replies_repeat_only_the_ids_of_a_request() -> None:
    frame = {"action": "ping", "requestId": "r1", "clientMessageId": "c1", "groupId": "red", "message": "Hi"}
    assert frames.echoed(frame) == {"requestId": "r1", "clientMessageId": "c1"}
    assert frames.echoed({"requestId": "r1", "clientMessageId": 7}) == {"requestId": "r1"}
    assert frames.echoed({}) == {}


@pytest.mark.parametrize(
    ("fields", "name", "client_message_id"),
    [
        ({}, "ana", None),
        ({"senderName": None, "clientMessageId": None}, "ana", None),
        ({"senderName": ""}, "ana", None),
        ({"senderName": "Ana", "clientMessageId": "c1", "extra": 7}, "Ana", "c1"),
    ],
)
def test_a_valid_message_is_read(fields: Frame, name: str, client_message_id: str | None) -> None:
    assert client_frames.send_message(FRAME | fields) == SendMessage(
        group_id="red", sender_id="ana", sender_name=name, text="Hi", client_message_id=client_message_id
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("message", value) for value in (None, "", 1, True, ["x"])],
        *[(field, value) for field in ("groupId", "senderId") for value in NO_IDS],
        *[("senderName", value) for value in NO_IDS if value not in (None, "")],
        *[("clientMessageId", value) for value in NO_IDS if value is not None],
    ],
)
def test_an_invalid_field_is_named(field: str, value: object) -> None:
    with pytest.raises(ChatError) as error:
        client_frames.send_message(FRAME | {field: value})
    assert refusal(error) == (Code.BAD_REQUEST, False)
    assert error.value.message.startswith(f"{field} must be ")


@pytest.mark.parametrize("missing", ["groupId", "senderId", "message"])
def test_a_missing_field_is_named(missing: str) -> None:
    with pytest.raises(ChatError, match=Code.BAD_REQUEST.name) as error:
        client_frames.send_message({name: value for name, value in FRAME.items() if name != missing})
    assert error.value.message.startswith(missing)


@pytest.mark.parametrize("more", [{}, {"clientMessageId": "c1"}, {"pushedAt": "now", "x": "y"}])
def test_a_push_has_exactly_the_fields_of_the_protocol(more: dict[str, str]) -> None:
    expected = ROW | {name: value for name, value in more.items() if name == "clientMessageId"}
    assert frames.decode(frames.message(ROW | more).decode()) == {"action": "message"} | expected
    assert frames.past_message(ROW | more) == expected


def test_a_push_above_the_limit_is_refused_with_the_number_of_bytes_to_save() -> None:
    room = MAX_MESSAGE_BYTES - len(frames.message(ROW | {"message": ""}))
    assert len(frames.message(ROW | {"message": "x" * room})) == MAX_MESSAGE_BYTES
    with pytest.raises(ChatError) as error:
        frames.message(ROW | {"message": "x" * (room + 7)})
    assert refusal(error) == (Code.TOO_LARGE, False)
    assert re.findall(r"\d+", error.value.message) == [str(MAX_MESSAGE_BYTES + 7), str(MAX_MESSAGE_BYTES), "7"]


def test_a_past_message_above_the_limit_comes_without_its_text() -> None:
    room = MAX_MESSAGE_BYTES - len(frames.encode(ROW | {"message": ""}))
    longest = ROW | {"message": "x" * room}
    assert frames.past_message(longest) == longest
    assert frames.past_message(ROW | {"message": "x" * (room + 1)}) == {
        "messageId": "m1",
        "groupId": "red",
        "timestamp": ROW["timestamp"],
        "omitted": True,
    }


@pytest.mark.parametrize("duplicate", [True, False])
def test_an_ack_names_the_stored_message(*, duplicate: bool) -> None:
    assert frames.ack(ROW, duplicate=duplicate) == {
        "action": "ack",
        "messageId": "m1",
        "timestamp": ROW["timestamp"],
        "duplicate": duplicate,
    }


@pytest.mark.parametrize(("retry_after_ms", "fields"), [(None, {}), (0, {"retryAfterMs": 0}), (7, {"retryAfterMs": 7})])
@pytest.mark.parametrize("retryable", [True, False])
def test_an_error_has_a_text_and_says_whether_to_retry(
    retry_after_ms: int | None, fields: Frame, *, retryable: bool
) -> None:
    reason = ChatError(Code.RATE_LIMITED, "no", retryable=retryable, retry_after_ms=retry_after_ms)
    expected = {"action": "error", "code": "RATE_LIMITED", "message": "no", "retryable": retryable}
    assert frames.error(reason) == expected | fields
