"""Emitted records are valid JSON with the types of their schemas, whatever TikTok sends.

The CDK's serializer omits null columns in the emitted record.
"""

import gzip
import json
from typing import Any

import orjson
import pytest

from source_tiktok_organic.responses import convert, parse
from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OK, USER, TikTok, ok_response, page, video
from unit_tests.video_factory import NOW_S, config, state_of

INVALID = "TikTok returned an invalid value for {} (of {}: {}); such values are null."


def body(*rows: str) -> dict[str, Any]:
    """A page with these rows, as they are."""
    text = f'{{"data": {{"videos": [{", ".join(rows)}], "has_more": false, "cursor": 0}}, "error": {json.dumps(OK)}}}'
    return {"content": text.encode()}


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (r'"half \ud83d"', "half \ufffd"),
        (r'"half \ude00 of one"', "half \ufffd of one"),
        (r'"\ud83d\ud83d\ude00"', "\ufffd😀"),
        (r'"full \ud83d\ude00"', "full 😀"),
        (r'"a\u0000b"', "ab"),
        ('"a\0b"', "ab"),
        ('"line\nbreak"', "line\nbreak"),
        (r'"a \\ud83d b"', r"a \ud83d b"),
        (r'{"\ud83d": ["\u0000", {"\udc00": 1}]}', {"\ufffd": ["", {"\ufffd": 1}]}),
    ],
)
def test_any_text_becomes_valid_unicode(sent: str, read: Any) -> None:
    parsed = parse(f'{{"title": {sent}}}'.encode())
    assert parsed == {"title": read}
    assert orjson.loads(orjson.dumps(parsed)) == parsed


def test_lone_surrogate_becomes_replacement_character(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(body(r'{"id": "7", "create_time": 1793000000, "title": "xxx\ud83d\u0000"}'))
    outcome = connector.read(config(), "videos")
    assert [record["title"] for record in outcome.records("videos")] == ["xxx\ufffd"]


@pytest.mark.parametrize(
    ("kind", "given", "converted"),
    [
        (str, "7", "7"),
        (str, 7, "7"),
        (str, 10**24, str(10**24)),
        (str, 7.5, None),
        (str, True, None),
        (str, ["7"], None),
        (int, "7", 7),
        (int, "-7", -7),
        (int, 7.0, 7),
        (int, "7.0", 7),
        (int, 7.5, None),
        (int, "many", None),
        (int, True, None),
        (int, 2**63, None),
        (int, -(2**63) - 1, None),
        (int, "9" * 5000, None),
        (int, {}, None),
        (bool, "1", True),
        (bool, 0, False),
        (bool, "True", True),
        (bool, "yes", None),
        (bool, [], None),
    ],
)
def test_value_matches_its_schema_or_is_null(kind: type, given: Any, converted: Any) -> None:
    assert convert(given, kind) == converted
    assert type(convert(given, kind)) in (kind, type(None))


def test_invalid_values_are_null_with_one_warning_each(tiktok: TikTok, connector: Connector) -> None:
    invalid = {"like_count": "lots", "title": ["a"], "view_count": 2**64}
    tiktok.with_an_account(page([video(NOW_S - n, **invalid, share_count="7") for n in range(3)], False))
    outcome = connector.read(config(), "videos")
    assert outcome.errors == []
    names = ("like_count", "title", "view_count", "share_count")
    values = {tuple(map(record.get, names)) for record in outcome.records("videos")}
    assert values == {(None, None, None, 7)}
    newest = video(NOW_S)["id"]
    expected = [("title", "['a']"), ("like_count", "'lots'"), ("view_count", str(2**64))]
    assert outcome.warnings == [INVALID.format(name, newest, value) for name, value in expected]


def test_invalid_profile_value_is_null(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account().responds("user", ok_response({"user": {**USER, "is_verified": "1", "follower_count": []}}))
    outcome = connector.read(config(), "user_info")
    (user,) = outcome.records("user_info")
    assert (user["is_verified"], user.get("follower_count")) == (True, None)
    assert outcome.warnings == [INVALID.format("follower_count", USER["open_id"], "[]")]


def test_missing_counts_are_null_and_counted(tiktok: TikTok, connector: Connector) -> None:
    counts = {"like_count": 1, "comment_count": 0, "share_count": 0}
    rows = [video(NOW_S - n, **counts, **({"view_count": 0} if n < 15 else {})) for n in range(20)]
    tiktok.with_an_account(page(rows, False))
    outcome = connector.read(config(), "videos")
    assert [record.get("view_count") for record in outcome.records("videos")] == [0] * 15 + [None] * 5
    assert outcome.logs.count("view_count was missing for 5 of 20 videos.") == 1
    assert "like_count was missing" not in outcome.logs


@pytest.mark.parametrize("invalid", [None, 0, -5, 1_793_000_000_000, 10_413_792_000, "soon", 1.5])
def test_video_with_invalid_time_is_emitted_once(invalid: Any, tiktok: TikTok, connector: Connector) -> None:
    rows = [
        {**video(NOW_S - 1), "create_time": invalid},
        video(NOW_S - 2),
        {**video(NOW_S - 3), "create_time": invalid},
    ]
    tiktok.with_an_account(ok_response({"videos": rows, "has_more": False, "cursor": 0}))
    outcome = connector.read(config(), "videos")
    assert (outcome.errors, len(outcome.records("videos"))) == ([], 3)
    value = invalid if type(invalid) is int else None
    assert [record.get("create_time") for record in outcome.records("videos")] == [value, NOW_S - 2, value]
    named = [text for text in outcome.warnings if "doesn't change the state" in text]
    assert named == [
        f"TikTok returned the video {rows[-1]['id']} with the create_time {value}. It is synced, but doesn't change "
        "the state."
    ]
    assert outcome.states[-1] == state_of(NOW_S - 2)


def test_video_without_a_time_is_emitted(tiktok: TikTok, connector: Connector) -> None:
    row = video(NOW_S)
    del row["create_time"]
    tiktok.with_an_account(ok_response({"videos": [video(NOW_S - 2), row], "has_more": False, "cursor": 0}))
    outcome = connector.read(config(), "videos")
    assert (outcome.errors, [r.get("create_time") for r in outcome.records("videos")]) == ([], [NOW_S - 2, None])


def test_first_of_two_rows_with_one_id_is_emitted(tiktok: TikTok, connector: Connector) -> None:
    rows = [video(NOW_S, title="first"), {**video(NOW_S - 1, title="second"), "id": video(NOW_S)["id"]}]
    tiktok.with_an_account(page(rows, False))
    assert [r["title"] for r in connector.read(config(), "videos").records("videos")] == ["first"]


def test_gzip_bomb_fails_with_its_own_message(tiktok: TikTok, connector: Connector) -> None:
    bomb = gzip.compress(b" " * 60_000_000)
    tiktok.with_an_account({"content": bomb, "headers": {"Content-Encoding": "gzip"}})
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert [failure for failure, _ in outcome.errors[:1]] == ["transient_error"]
    assert outcome.errors[0][1].startswith("TikTok's response is larger than 50 MB. Gave up after 7 attempts.")


def test_long_error_message_is_truncated_in_the_log(tiktok: TikTok, connector: Connector) -> None:
    error = {"code": "invalid_params", "message": "x" * 5_000_000, "log_id": "1"}
    tiktok.with_an_account({"json": {"data": {}, "error": error}, "status_code": 400})
    outcome = connector.read(config(), "videos")
    assert len(json.dumps(outcome.messages)) < 50_000
