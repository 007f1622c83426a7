"""Data that TikTok's documentation does not allow: sent as it came where a table can take it, said once per kind, and
never a reason to lose what is sound. Without a key nothing can be sent: that is an error.
"""

import json
from typing import Any

import airbyte_cdk.entrypoint
import pytest

from unit_tests.connector import Connector
from unit_tests.outcome import Outcome
from unit_tests.tiktok import OAUTH_CONFIG, OK, USER, TikTok, good, page, video

_TIME = 1_700_000_000
SOUND = video(_TIME)
NO_ID = (
    "system_error",
    "TikTok sent a video without an id, which no table can take. Run the sync again; if this happens every time, "
    "please report it.",
)
NO_ACCOUNT = (
    "system_error",
    "TikTok sent a profile without the account's open_id, which no table can take. Run the sync again; if this happens "
    "every time, please report it.",
)
NO_PAGE = (
    "system_error",
    "TikTok sent a page of videos that is none. Run the sync again; if this happens every time, please report it.",
)


def read(tiktok: TikTok, connector: Connector, *videos: Any) -> Outcome:
    """Read the videos of an account that has one page of them."""
    tiktok.with_an_account(good({"videos": list(videos), "has_more": False, "cursor": 0}))
    return connector.read(OAUTH_CONFIG, "videos")


def sent(video: dict[str, Any]) -> dict[str, Any]:
    """A video as the connector sends it."""
    return {**video, "open_id": USER["open_id"]}


def warning(column: str, kind: str, count: int = 1) -> str:
    """What is said at the end of a sync about a column."""
    return f"videos.{column} was not of its column's type but {kind}, {count} times; sent as it came."


def stands(outcome: Outcome) -> list[int]:
    """Where the last state stands."""
    return [int(state["cursor"]["create_time"]) for state in outcome.states[-1]["states"]]


@pytest.mark.parametrize(
    "broken",
    [{}, {"id": None}, {"id": ""}, {"id": 0}, {"id": 7.3e18}, {"id": True}, {"id": ["7"]}, {"id": {"value": "7"}}],
    ids=["no_id", "null", "empty", "zero", "float", "boolean", "list", "object"],
)
def test_given_a_video_without_an_id_when_read_then_a_system_error_and_no_record_without_a_key(
    broken: dict[str, Any], tiktok: TikTok, connector: Connector
) -> None:
    outcome = read(tiktok, connector, SOUND, {"create_time": _TIME, "title": "Kept out of the log", **broken})
    assert (outcome.exit_code, outcome.errors[0], outcome.records("videos")) == (1, NO_ID, [])
    assert stands(outcome) == [1_388_534_400]
    assert "a video without id, but ['create_time'" in str(outcome.messages)
    assert "Kept out of the log" not in str(outcome.messages)


@pytest.mark.parametrize(("broken", "kind"), [(None, "NoneType"), ("text", "str"), ([1], "list")])
def test_given_a_video_that_is_no_object_when_read_then_a_system_error(
    broken: Any, kind: str, tiktok: TikTok, connector: Connector
) -> None:
    outcome = read(tiktok, connector, SOUND, broken)
    assert (outcome.exit_code, outcome.errors[0], outcome.records("videos")) == (1, NO_ID, [])
    assert f"a video without id, but {kind}" in str(outcome.messages)


@pytest.mark.parametrize(
    ("time", "kind", "as_sent"),
    [
        ({}, "missing", {}),
        ({"create_time": None}, "NoneType", {}),
        ({"create_time": "1700000001"}, "str", {"create_time": "1700000001"}),
        ({"create_time": "yesterday"}, "str", {"create_time": "yesterday"}),
        ({"create_time": 1_700_000_000.5}, "float", {"create_time": 1_700_000_000.5}),
        ({"create_time": True}, "bool", {"create_time": True}),
        ({"create_time": [_TIME]}, "list", {"create_time": [_TIME]}),
        ({"create_time": 10**30}, "float", {"create_time": 10.0**30}),
    ],
    ids=["missing", "null", "text", "no_number", "fraction", "boolean", "list", "huge"],
)
def test_given_a_video_whose_time_is_none_when_read_then_it_is_sent_and_one_warning_names_it(
    time: dict[str, Any], kind: str, as_sent: dict[str, Any], tiktok: TikTok, connector: Connector
) -> None:
    outcome = read(tiktok, connector, SOUND, {"id": "1", **time})
    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert outcome.records("videos") == [sent(SOUND), sent({"id": "1", **as_sent})]
    assert outcome.warnings == [warning("create_time", kind)]
    assert stands(outcome)[0] in (_TIME, _TIME + 1)
    assert outcome.statuses("videos")[-1] == "COMPLETE"


@pytest.mark.parametrize("time", [-5, 0, 1, 1_388_534_399, 4_102_444_800, _TIME * 1000])
def test_given_a_video_of_a_time_that_cannot_be_when_read_then_it_is_sent_and_the_state_does_not_follow_it(
    time: int, tiktok: TikTok, connector: Connector
) -> None:
    """A state in the year 2100 would keep every video to come from being read, without a word."""
    odd = {"id": "1", "create_time": time}
    outcome = read(tiktok, connector, odd, SOUND, odd | {"id": "2"})
    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert outcome.records("videos") == [sent(odd), sent(SOUND), sent(odd | {"id": "2"})]
    assert stands(outcome) == [_TIME]


def test_given_the_oldest_time_that_can_be_when_read_then_the_start_date_decides(
    tiktok: TikTok, connector: Connector
) -> None:
    oldest = video(1_388_534_400)
    tiktok.with_an_account(page([SOUND, oldest], False))
    outcome = connector.read({**OAUTH_CONFIG, "start_date": "2014-01-02"}, "videos")
    assert (outcome.errors, outcome.records("videos")) == ([], [sent(SOUND)])


def test_given_nulls_in_every_column_but_the_keys_when_read_then_they_are_sent_and_nothing_is_said(
    tiktok: TikTok, connector: Connector
) -> None:
    names = ["title", "video_description", "like_count", "view_count", "duration", "is_aigc", "embed_html"]
    empty = {**dict.fromkeys(names), "id": "1", "create_time": _TIME}
    outcome = read(tiktok, connector, empty)
    # The CDK leaves out nulls: in a table both are the same.
    assert [{**dict.fromkeys(names), **record} for record in outcome.records("videos")] == [sent(empty)]
    assert (outcome.errors, outcome.warnings) == ([], [])


def test_given_values_of_other_types_when_read_then_they_are_sent_as_they_came_and_counted_by_kind(
    tiktok: TikTok, connector: Connector
) -> None:
    odd = [video(_TIME - n, like_count=str(n), title=7) for n in range(3)]
    odd += [video(_TIME - 3, like_count=1.5, is_aigc="true"), video(_TIME - 4, like_count={"count": 3})]

    outcome = read(tiktok, connector, *odd, SOUND | {"id": "9"})

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert outcome.records("videos") == [sent(v) for v in [*odd, SOUND | {"id": "9"}]]
    assert sorted(outcome.warnings) == [
        warning("is_aigc", "str"),
        warning("like_count", "dict"),
        warning("like_count", "float"),
        warning("like_count", "str", 3),
        warning("title", "int", 3),
    ]


def test_given_two_syncs_in_one_process_when_the_second_is_sound_then_nothing_of_the_first_is_said_again(
    tiktok: TikTok, connector: Connector
) -> None:
    assert read(tiktok, connector, video(_TIME, title=7)).warnings == [warning("title", "int")]
    assert read(tiktok, connector, SOUND).warnings == []


def test_given_unknown_columns_when_read_then_they_are_sent(tiktok: TikTok, connector: Connector) -> None:
    new = video(_TIME, brand_new={"deep": [1, None, {"er": "x"}]}, another="")
    outcome = read(tiktok, connector, new)
    (record,) = outcome.records("videos")
    assert (record["brand_new"]["deep"][2], record["another"]) == ({"er": "x"}, "")
    assert (outcome.errors, outcome.warnings) == ([], [])


def test_given_a_caption_of_a_megabyte_when_read_then_it_is_sent_whole(tiktok: TikTok, connector: Connector) -> None:
    caption = "Ein Ö und 🐕 " * 90_000
    outcome = read(tiktok, connector, video(_TIME, title=caption), video(_TIME - 1))
    assert [len(r["title"]) for r in outcome.records("videos")] == [len(caption), len(f"Posted at {_TIME - 1}")]
    assert outcome.records("videos")[0]["title"] == caption


def test_given_a_lone_surrogate_when_read_then_it_is_sent_escaped_and_the_rest_is_unharmed(
    tiktok: TikTok, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half an emoji, as a caption cut off in the middle has it: no UTF-8, but JSON can say it."""
    monkeypatch.setattr(airbyte_cdk.entrypoint, "_HAS_LOGGED_FOR_SERIALIZATION_ERROR", False)
    broken = video(_TIME, title="\ud83d and more \udc15")
    outcome = read(tiktok, connector, broken, video(_TIME - 1, title="\udc15"), SOUND | {"id": "9"})
    assert outcome.errors == []
    assert [r["title"] for r in outcome.records("videos")] == [broken["title"], "\udc15", SOUND["title"]]
    assert [w.startswith("There was an error during the serialization") for w in outcome.warnings] == [True]


@pytest.mark.parametrize(
    ("count", "as_sent", "warned"),
    [(10**18, 10**18, []), (2**63 - 1, 2**63 - 1, []), (2**70, 2.0**70, [warning("view_count", "float")])],
    ids=["a_quintillion", "the_largest_int64", "more_than_int64"],
)
def test_given_huge_counts_when_read_then_they_are_exact_as_far_as_a_table_can_hold_them(
    count: int, as_sent: float, warned: list[str], tiktok: TikTok, connector: Connector
) -> None:
    outcome = read(tiktok, connector, video(_TIME, view_count=count))
    assert (outcome.errors, outcome.warnings) == ([], warned)
    assert [r["view_count"] for r in outcome.records("videos")] == [as_sent]


def test_given_a_number_that_json_does_not_have_when_read_then_null(tiktok: TikTok, connector: Connector) -> None:
    videos = f'[{{"id": "1", "create_time": {_TIME}, "like_count": NaN}}]'
    tiktok.with_an_account({"text": f'{{"data": {{"videos": {videos}}}, "error": {json.dumps(OK)}}}'})
    outcome = connector.read(OAUTH_CONFIG, "videos")
    assert outcome.records("videos") == [sent({"id": "1", "create_time": _TIME, "like_count": None})]
    assert outcome.warnings == [warning("like_count", "float")]


@pytest.mark.parametrize(
    "data", [{}, {"data": None}, {"data": []}, {"data": "ok"}], ids=["none", "null", "list", "text"]
)
def test_given_a_page_without_data_when_read_then_a_system_error_and_not_an_empty_account(
    data: Any, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account({"json": {**data, "error": OK}})
    outcome = connector.read(OAUTH_CONFIG, "videos")
    assert (outcome.exit_code, outcome.errors[0], outcome.records("videos")) == (1, NO_PAGE, [])


@pytest.mark.parametrize(
    "data",
    [{}, {"user": None}, {"user": {}}, {"user": {"display_name": "x"}}, {"user": {"open_id": None}}, {"user": "me"}],
    ids=["no_user", "null", "empty", "no_open_id", "open_id_null", "text"],
)
@pytest.mark.parametrize("stream", ["user_info", "videos"])
def test_given_a_profile_without_its_account_when_read_then_a_system_error_and_no_empty_success(
    stream: str, data: Any, tiktok: TikTok, connector: Connector
) -> None:
    """The CDK would find no account to read the videos of, and call the sync a success."""
    tiktok.with_an_account(page([SOUND], False)).answers("user", good(data))
    outcome = connector.read(OAUTH_CONFIG, stream)
    assert (outcome.exit_code, outcome.errors[0], outcome.of("RECORD")) == (1, NO_ACCOUNT, [])


@pytest.mark.parametrize("count", [None, "12", [], 1.5, -1])
def test_given_a_video_count_that_is_none_when_read_then_the_videos_are_complete(
    count: Any, tiktok: TikTok, connector: Connector
) -> None:
    """It only helps to plan."""
    user = {"open_id": USER["open_id"], "video_count": count}
    tiktok.with_an_account(page([SOUND], False)).answers("user", good({"user": user}))
    outcome = connector.read(OAUTH_CONFIG, "videos")
    assert (outcome.errors, outcome.records("videos")) == ([], [sent(SOUND)])


def test_given_ids_that_are_no_numbers_or_begin_with_zero_when_read_then_each_is_its_own(
    tiktok: TikTok, connector: Connector
) -> None:
    names = ["7", "07", "007", "v7", "V7", "v-7", "7" * 25, "7" * 24]
    outcome = read(tiktok, connector, *({"id": name, "create_time": _TIME} for name in [*names, *names]))
    assert ([r["id"] for r in outcome.records("videos")], outcome.errors) == (names, [])
