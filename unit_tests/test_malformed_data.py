"""Responses that violate TikTok's documentation never lose valid records.

A response without a required field is retried; a video without an id is an error. Single values: test_border.py.
"""

import json
from typing import Any

import pytest

from unit_tests.command_result import Outcome
from unit_tests.connector import Connector
from unit_tests.tiktok import OAUTH_CONFIG, OK, USER, TikTok, ok_response, page, video
from unit_tests.video_factory import DAY, DEFINITIONS, FIRST_POST, NOW_S, state_of

_TIME = 1_700_000_000
VALID = video(_TIME)
MESSAGES = DEFINITIONS["messages"]
NO_ID = ("system_error", MESSAGES["video_without_id"])
(MISSING_FIELDS,) = (
    response_filter["error_message"]
    for response_filter in DEFINITIONS["error_handler"]["response_filters"]
    if "'incomplete'" in response_filter.get("predicate", "")
)
INCOMPLETE = ("transient_error", f"{MISSING_FIELDS} {MESSAGES['gave_up'].format(attempts=7)}")


def read(tiktok: TikTok, connector: Connector, *videos: Any) -> Outcome:
    """Read the videos of an account that has a single page of them."""
    tiktok.with_an_account(ok_response({"videos": list(videos), "has_more": False, "cursor": 0}))
    return connector.read(OAUTH_CONFIG, "videos")


def emitted(video: dict[str, Any]) -> dict[str, Any]:
    """A video as the connector emits it."""
    return {**video, "open_id": USER["open_id"]}


@pytest.mark.parametrize(
    "broken",
    [{}, {"id": None}, {"id": ""}, {"id": 0}, {"id": 7.3e18}, {"id": True}, {"id": ["7"]}, {"id": {"value": "7"}}],
    ids=["no_id", "null", "empty", "zero", "float", "boolean", "list", "object"],
)
def test_video_without_id_is_a_system_error(broken: dict[str, Any], tiktok: TikTok, connector: Connector) -> None:
    """The page is not counted as read, although the videos before are emitted."""
    broken = {"create_time": _TIME, "title": "Must not be logged", **broken}
    outcome = read(tiktok, connector, VALID, broken, video(_TIME - 9))
    assert (outcome.exit_code, outcome.errors[:-1], outcome.records("videos")) == (1, [NO_ID], [emitted(VALID)])
    assert len(tiktok.bodies()) == 1
    assert outcome.states[-1] == state_of(FIRST_POST)
    assert outcome.statuses("videos")[-1] == "INCOMPLETE"
    assert "a video without id, but [" in str(outcome.messages)
    assert "Must not be logged" not in str(outcome.messages)


@pytest.mark.parametrize(("broken", "kind"), [(None, "NoneType"), ("text", "str"), ([1], "list")])
def test_video_that_is_not_an_object_is_a_system_error(
    broken: Any, kind: str, tiktok: TikTok, connector: Connector
) -> None:
    outcome = read(tiktok, connector, VALID, broken)
    assert (outcome.exit_code, outcome.errors[0], outcome.records("videos")) == (1, NO_ID, [emitted(VALID)])
    assert outcome.states[-1] == state_of(FIRST_POST)
    assert f"a video without id, but {kind}" in str(outcome.messages)


def test_create_time_as_text_advances_the_state(tiktok: TikTok, connector: Connector) -> None:
    outcome = read(tiktok, connector, VALID | {"create_time": str(_TIME)})
    assert (outcome.errors, outcome.warnings, outcome.records("videos")) == ([], [], [emitted(VALID)])
    assert outcome.states[-1] == state_of(_TIME)


@pytest.mark.parametrize("create_time", [FIRST_POST - 1, NOW_S + DAY + 1])
def test_invalid_create_time_does_not_advance_the_state(create_time: int, tiktok: TikTok, connector: Connector) -> None:
    """With a state in the future, every later video would silently be skipped."""
    invalid = VALID | {"id": "1", "create_time": create_time}
    outcome = read(tiktok, connector, invalid, VALID, invalid | {"id": "2"})
    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert outcome.records("videos") == [emitted(invalid), emitted(VALID), emitted(invalid | {"id": "2"})]
    assert outcome.warnings == [MESSAGES["invalid_create_time"].format(id="2", value=create_time)]
    assert outcome.states[-1] == state_of(_TIME)


@pytest.mark.parametrize("create_time", [FIRST_POST, NOW_S, NOW_S + 1, NOW_S + DAY])
def test_valid_create_time_causes_no_warning(create_time: int, tiktok: TikTok, connector: Connector) -> None:
    """A time of tomorrow may be due to the machine's clock, and does not advance the state either."""
    outcome = read(tiktok, connector, video(create_time))
    assert (outcome.errors, outcome.warnings, outcome.records("videos")) == ([], [], [emitted(video(create_time))])
    assert outcome.states[-1] == state_of(create_time if create_time <= NOW_S else FIRST_POST)


def test_oldest_possible_video_is_before_the_start_date(tiktok: TikTok, connector: Connector) -> None:
    oldest = video(1_388_534_400)
    tiktok.with_an_account(page([VALID, oldest], False))
    outcome = connector.read({**OAUTH_CONFIG, "start_date": "2014-01-02"}, "videos")
    assert (outcome.errors, outcome.records("videos")) == ([], [emitted(VALID)])


def test_nulls_are_emitted_without_a_warning(tiktok: TikTok, connector: Connector) -> None:
    names = ["title", "video_description", "like_count", "view_count", "duration", "is_aigc", "embed_html"]
    empty = {**dict.fromkeys(names), "id": "1", "create_time": _TIME}
    outcome = read(tiktok, connector, empty)
    # The CDK omits nulls: in a table there is no difference.
    assert [{**dict.fromkeys(names), **record} for record in outcome.records("videos")] == [emitted(empty)]
    assert (outcome.errors, outcome.warnings) == ([], [])


def test_unknown_columns_are_emitted(tiktok: TikTok, connector: Connector) -> None:
    new = video(_TIME, brand_new={"deep": [1, None, {"er": "x"}]}, another="")
    outcome = read(tiktok, connector, new)
    (record,) = outcome.records("videos")
    assert (record["brand_new"]["deep"][2], record["another"]) == ({"er": "x"}, "")
    assert (outcome.errors, outcome.warnings) == ([], [])


def test_caption_of_a_megabyte_is_emitted_in_full(tiktok: TikTok, connector: Connector) -> None:
    caption = "Ein Ö und 🐕 " * 90_000
    outcome = read(tiktok, connector, video(_TIME, title=caption), video(_TIME - 1))
    assert [len(r["title"]) for r in outcome.records("videos")] == [len(caption), len(f"Posted at {_TIME - 1}")]
    assert outcome.records("videos")[0]["title"] == caption


@pytest.mark.parametrize("count", [10**18, 2**63 - 1], ids=["quintillion", "int64"])
def test_huge_counts_are_exact(count: int, tiktok: TikTok, connector: Connector) -> None:
    outcome = read(tiktok, connector, video(_TIME, view_count=count))
    assert (outcome.errors, outcome.warnings) == ([], [])
    assert [r["view_count"] for r in outcome.records("videos")] == [count]


def test_nan_becomes_null(tiktok: TikTok, connector: Connector) -> None:
    videos = f'[{{"id": "1", "create_time": {_TIME}, "like_count": NaN}}]'
    text = f'{{"data": {{"videos": {videos}, "has_more": false}}, "error": {json.dumps(OK)}}}'
    tiktok.with_an_account({"text": text})
    outcome = connector.read(OAUTH_CONFIG, "videos")
    assert [{"like_count": None, **r} for r in outcome.records("videos")] == [
        emitted({"id": "1", "create_time": _TIME, "like_count": None})
    ]
    assert outcome.warnings == [MESSAGES["invalid_value"].format(name="like_count", id="1", value="nan")]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_invalid_utf8_loses_no_record(encoding: str, tiktok: TikTok, connector: Connector) -> None:
    """An invalid byte once silently dropped its page: the sync succeeded, and its state was past that page."""
    newer = video(_TIME + 9, title="über")
    first, second = page([newer], True)["json"], page([VALID], False)["json"]
    content = json.dumps(first, ensure_ascii=False).encode(encoding)
    tiktok.with_an_account({"content": content}, {"json": second})
    outcome = connector.read(OAUTH_CONFIG, "videos")
    seen = {"utf-8": "über", "latin-1": "\ufffdber"}[encoding]
    assert (outcome.errors, outcome.records("videos")) == ([], [emitted({**newer, "title": seen}), emitted(VALID)])


PAGES: dict[str, Any] = {
    "no_data": {},
    "data_null": {"data": None},
    "data_list": {"data": []},
    "data_text": {"data": "ok"},
    "data_empty": {"data": {}},
    "no_has_more": {"data": {"videos": [VALID], "cursor": 0}},
    "has_more_null": {"data": {"videos": [VALID], "cursor": 0, "has_more": None}},
    "has_more_text": {"data": {"videos": [VALID], "cursor": 0, "has_more": "false"}},
    "has_more_number": {"data": {"videos": [VALID], "cursor": 0, "has_more": 0}},
    "no_videos_but_more": {"data": {"cursor": 1_699_999_999_000, "has_more": True}},
    "videos_null_but_more": {"data": {"videos": None, "cursor": 1_699_999_999_000, "has_more": True}},
    "videos_number": {"data": {"videos": 3, "cursor": 0, "has_more": False}},
    "videos_text": {"data": {"videos": "none", "cursor": 0, "has_more": False}},
    "videos_object": {"data": {"videos": {"0": VALID}, "cursor": 0, "has_more": False}},
}
PROFILES: dict[str, Any] = {
    "no_data": {},
    "data_null": {"data": None},
    "data_list": {"data": [{"user": USER}]},
    "no_user": {"data": {}},
    "user_null": {"data": {"user": None}},
    "user_empty": {"data": {"user": {}}},
    "no_open_id": {"data": {"user": {"display_name": "x"}}},
    "open_id_null": {"data": {"user": {"open_id": None}}},
    "open_id_empty": {"data": {"user": {"open_id": ""}}},
    "user_text": {"data": {"user": "me"}},
}


@pytest.mark.parametrize("broken", PAGES.values(), ids=PAGES)
def test_incomplete_page_is_retried(broken: Any, tiktok: TikTok, connector: Connector) -> None:
    """As the last page, it would end its window."""
    tiktok.with_an_account({"json": {**broken, "error": OK}}, page([VALID], False))
    outcome = connector.read(OAUTH_CONFIG, "videos")
    assert (outcome.errors, outcome.records("videos"), len(tiktok.bodies())) == ([], [emitted(VALID)], 2)


@pytest.mark.parametrize("broken", PAGES.values(), ids=PAGES)
def test_persistently_incomplete_page_is_a_transient_error(broken: Any, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account({"json": {**broken, "error": OK}})
    outcome = connector.read(OAUTH_CONFIG, "videos")
    assert (outcome.exit_code, outcome.errors[:-1], outcome.records("videos")) == (1, [INCOMPLETE], [])
    assert len(tiktok.bodies()) == 7
    assert outcome.states[-1] == state_of(FIRST_POST)


@pytest.mark.parametrize("stream", ["user_info", "videos"])
@pytest.mark.parametrize("broken", PROFILES.values(), ids=PROFILES)
def test_profile_without_open_id_is_a_transient_error(
    broken: Any, stream: str, tiktok: TikTok, connector: Connector
) -> None:
    """Otherwise the CDK would find no account to read videos from and call the sync a success."""
    tiktok.with_an_account(page([VALID], False)).responds("user", {"json": {**broken, "error": OK}})
    outcome = connector.read(OAUTH_CONFIG, stream)
    assert (outcome.exit_code, outcome.errors[:-1], outcome.of("RECORD")) == (1, [INCOMPLETE], [])
    assert len(tiktok.requests("user")) == 7


def test_profile_without_open_id_is_retried(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(page([VALID], False)).responds(
        "user", ok_response({"user": {}}), ok_response({"user": USER})
    )
    outcome = connector.read(OAUTH_CONFIG, "videos")
    assert (outcome.errors, outcome.records("videos")) == ([], [emitted(VALID)])


def test_ids_may_be_any_text(tiktok: TikTok, connector: Connector) -> None:
    names = ["7", "07", "007", "v7", "V7", "v-7", "7" * 25, "7" * 24, "🐕"]
    outcome = read(tiktok, connector, *({"id": name, "create_time": _TIME} for name in [*names, *names]))
    assert ([r["id"] for r in outcome.records("videos")], outcome.errors) == (names, [])
