"""Data that TikTok's documentation does not allow: emitted unchanged if a table can hold it, and never a reason to lose
valid records. A response without what the connector goes on with is retried; a record without a key is an error.
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
INCOMPLETE = (
    "transient_error",
    "TikTok's responses lack what they must hold. The connector asked seven times in about a minute. Run the sync "
    "again later; it goes on from the last state. If this happens every time, please report it.",
)


def read(tiktok: TikTok, connector: Connector, *videos: Any) -> Outcome:
    """Read the videos of an account that has a single page of them."""
    tiktok.with_an_account(good({"videos": list(videos), "has_more": False, "cursor": 0}))
    return connector.read(OAUTH_CONFIG, "videos")


def sent(video: dict[str, Any]) -> dict[str, Any]:
    """A video as the connector emits it."""
    return {**video, "open_id": USER["open_id"]}


def stands(outcome: Outcome) -> list[int]:
    """The cursors of the last state."""
    return [int(state["cursor"]["create_time"]) for state in outcome.states[-1]["states"]]


@pytest.mark.parametrize(
    "broken",
    [{}, {"id": None}, {"id": ""}, {"id": 0}, {"id": 7.3e18}, {"id": True}, {"id": ["7"]}, {"id": {"value": "7"}}],
    ids=["no_id", "null", "empty", "zero", "float", "boolean", "list", "object"],
)
def test_video_without_id_is_a_system_error(broken: dict[str, Any], tiktok: TikTok, connector: Connector) -> None:
    outcome = read(tiktok, connector, SOUND, {"create_time": _TIME, "title": "Kept out of the log", **broken})
    assert (outcome.exit_code, outcome.errors[:-1], outcome.records("videos")) == (1, [NO_ID], [])
    assert len(tiktok.bodies()) == 1
    assert stands(outcome) == [1_388_534_400]
    assert "a video without id, but ['create_time'" in str(outcome.messages)
    assert "Kept out of the log" not in str(outcome.messages)


@pytest.mark.parametrize(("broken", "kind"), [(None, "NoneType"), ("text", "str"), ([1], "list")])
def test_video_that_is_no_object_is_a_system_error(
    broken: Any, kind: str, tiktok: TikTok, connector: Connector
) -> None:
    outcome = read(tiktok, connector, SOUND, broken)
    assert (outcome.exit_code, outcome.errors[0], outcome.records("videos")) == (1, NO_ID, [])
    assert f"a video without id, but {kind}" in str(outcome.messages)


@pytest.mark.parametrize(
    "time",
    [
        {},
        {"create_time": None},
        {"create_time": "1700000001"},
        {"create_time": "yesterday"},
        {"create_time": 1_700_000_000.5},
        {"create_time": True},
        {"create_time": [_TIME]},
        {"create_time": 10**19},
    ],
    ids=["missing", "null", "text", "no_number", "fraction", "boolean", "list", "huge"],
)
def test_bad_create_time_is_emitted_as_it_came(time: dict[str, Any], tiktok: TikTok, connector: Connector) -> None:
    outcome = read(tiktok, connector, SOUND, {"id": "1", **time})
    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    as_sent = {} if time == {"create_time": None} else time  # the CDK omits nulls
    assert outcome.records("videos") == [sent(SOUND), sent({"id": "1", **as_sent})]
    assert stands(outcome)[0] in (_TIME, _TIME + 1)
    assert outcome.statuses("videos")[-1] == "COMPLETE"


@pytest.mark.parametrize("time", [-5, 0, 1, 1_388_534_399, 4_102_444_800, _TIME * 1000])
def test_impossible_create_time_does_not_move_the_state(time: int, tiktok: TikTok, connector: Connector) -> None:
    """With a state in the year 2100, every future video would silently be skipped."""
    odd = {"id": "1", "create_time": time}
    outcome = read(tiktok, connector, odd, SOUND, odd | {"id": "2"})
    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert outcome.records("videos") == [sent(odd), sent(SOUND), sent(odd | {"id": "2"})]
    assert stands(outcome) == [_TIME]


def test_oldest_possible_video_obeys_the_start_date(tiktok: TikTok, connector: Connector) -> None:
    oldest = video(1_388_534_400)
    tiktok.with_an_account(page([SOUND, oldest], False))
    outcome = connector.read({**OAUTH_CONFIG, "start_date": "2014-01-02"}, "videos")
    assert (outcome.errors, outcome.records("videos")) == ([], [sent(SOUND)])


def test_nulls_are_emitted_without_a_warning(tiktok: TikTok, connector: Connector) -> None:
    names = ["title", "video_description", "like_count", "view_count", "duration", "is_aigc", "embed_html"]
    empty = {**dict.fromkeys(names), "id": "1", "create_time": _TIME}
    outcome = read(tiktok, connector, empty)
    # The CDK omits nulls: in a table there is no difference.
    assert [{**dict.fromkeys(names), **record} for record in outcome.records("videos")] == [sent(empty)]
    assert (outcome.errors, outcome.warnings) == ([], [])


def test_values_of_other_types_are_emitted_as_they_came(tiktok: TikTok, connector: Connector) -> None:
    odd = [video(_TIME - n, like_count=str(n), title=7) for n in range(3)]
    odd += [video(_TIME - 3, like_count=1.5, is_aigc="true"), video(_TIME - 4, like_count={"count": 3})]

    outcome = read(tiktok, connector, *odd, SOUND | {"id": "9"})

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert outcome.records("videos") == [sent(v) for v in [*odd, SOUND | {"id": "9"}]]


def test_unknown_columns_are_emitted(tiktok: TikTok, connector: Connector) -> None:
    new = video(_TIME, brand_new={"deep": [1, None, {"er": "x"}]}, another="")
    outcome = read(tiktok, connector, new)
    (record,) = outcome.records("videos")
    assert (record["brand_new"]["deep"][2], record["another"]) == ({"er": "x"}, "")
    assert (outcome.errors, outcome.warnings) == ([], [])


def test_caption_of_a_megabyte_is_emitted_whole(tiktok: TikTok, connector: Connector) -> None:
    caption = "Ein Ö und 🐕 " * 90_000
    outcome = read(tiktok, connector, video(_TIME, title=caption), video(_TIME - 1))
    assert [len(r["title"]) for r in outcome.records("videos")] == [len(caption), len(f"Posted at {_TIME - 1}")]
    assert outcome.records("videos")[0]["title"] == caption


@pytest.fixture
def slow_json(monkeypatch: pytest.MonkeyPatch) -> str:
    """What the CDK says, once per process, of values that orjson cannot write but json can."""
    monkeypatch.setattr(airbyte_cdk.entrypoint, "_HAS_LOGGED_FOR_SERIALIZATION_ERROR", False)
    return "There was an error during the serialization"


def test_lone_surrogate_is_emitted_escaped(tiktok: TikTok, connector: Connector, slow_json: str) -> None:
    """Half an emoji, as in a caption cut off in the middle: not valid UTF-8, but JSON can express it."""
    broken = video(_TIME, title="\ud83d and more \udc15")
    outcome = read(tiktok, connector, broken, video(_TIME - 1, title="\udc15"), SOUND | {"id": "9"})
    assert outcome.errors == []
    assert [r["title"] for r in outcome.records("videos")] == [broken["title"], "\udc15", SOUND["title"]]
    assert [w.startswith(slow_json) for w in outcome.warnings] == [True]


@pytest.mark.parametrize("count", [10**18, 2**63 - 1, 2**70], ids=["quintillion", "int64", "more_than_int64"])
def test_huge_counts_are_exact(count: int, tiktok: TikTok, connector: Connector, slow_json: str) -> None:
    outcome = read(tiktok, connector, video(_TIME, view_count=count))
    assert (outcome.errors, len(outcome.warnings)) == ([], 1 if count > 2**64 else 0)
    assert [r["view_count"] for r in outcome.records("videos")] == [count]


def test_nan_becomes_null(tiktok: TikTok, connector: Connector) -> None:
    videos = f'[{{"id": "1", "create_time": {_TIME}, "like_count": NaN}}]'
    text = f'{{"data": {{"videos": {videos}, "has_more": false}}, "error": {json.dumps(OK)}}}'
    tiktok.with_an_account({"text": text})
    outcome = connector.read(OAUTH_CONFIG, "videos")
    assert outcome.records("videos") == [sent({"id": "1", "create_time": _TIME, "like_count": None})]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_bytes_that_are_no_utf8_cost_no_record(encoding: str, tiktok: TikTok, connector: Connector) -> None:
    """Such a byte once dropped its page in silence, with a complete sync and a state past it."""
    newer = video(_TIME + 9, title="über")
    first, second = page([newer], True)["json"], page([SOUND], False)["json"]
    content = json.dumps(first, ensure_ascii=False).encode(encoding)
    tiktok.with_an_account({"content": content}, {"json": second})
    outcome = connector.read(OAUTH_CONFIG, "videos")
    seen = {"utf-8": "über", "latin-1": "\ufffdber"}[encoding]
    assert (outcome.errors, outcome.records("videos")) == ([], [sent({**newer, "title": seen}), sent(SOUND)])


PAGES: dict[str, Any] = {
    "no_data": {},
    "data_null": {"data": None},
    "data_list": {"data": []},
    "data_text": {"data": "ok"},
    "data_empty": {"data": {}},
    "no_has_more": {"data": {"videos": [SOUND], "cursor": 0}},
    "has_more_null": {"data": {"videos": [SOUND], "cursor": 0, "has_more": None}},
    "has_more_text": {"data": {"videos": [SOUND], "cursor": 0, "has_more": "false"}},
    "has_more_number": {"data": {"videos": [SOUND], "cursor": 0, "has_more": 0}},
    "no_videos_but_more": {"data": {"cursor": 1_699_999_999_000, "has_more": True}},
    "videos_null_but_more": {"data": {"videos": None, "cursor": 1_699_999_999_000, "has_more": True}},
    "videos_number": {"data": {"videos": 3, "cursor": 0, "has_more": False}},
    "videos_text": {"data": {"videos": "none", "cursor": 0, "has_more": False}},
    "videos_object": {"data": {"videos": {"0": SOUND}, "cursor": 0, "has_more": False}},
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
def test_incomplete_page_is_asked_for_again(broken: Any, tiktok: TikTok, connector: Connector) -> None:
    """Taken for the last page, it would close its window as read."""
    tiktok.with_an_account({"json": {**broken, "error": OK}}, page([SOUND], False))
    outcome = connector.read(OAUTH_CONFIG, "videos")
    assert (outcome.errors, outcome.records("videos"), len(tiktok.bodies())) == ([], [sent(SOUND)], 2)


@pytest.mark.parametrize("broken", PAGES.values(), ids=PAGES)
def test_lasting_incomplete_page_is_a_transient_error(broken: Any, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account({"json": {**broken, "error": OK}})
    outcome = connector.read(OAUTH_CONFIG, "videos")
    assert (outcome.exit_code, outcome.errors[:-1], outcome.records("videos")) == (1, [INCOMPLETE], [])
    assert len(tiktok.bodies()) == 7
    assert stands(outcome) == [1_388_534_400]


@pytest.mark.parametrize("stream", ["user_info", "videos"])
@pytest.mark.parametrize("broken", PROFILES.values(), ids=PROFILES)
def test_profile_without_open_id_is_asked_for_again(
    broken: Any, stream: str, tiktok: TikTok, connector: Connector
) -> None:
    """Otherwise the CDK would find no account to read videos from and call the sync a success."""
    tiktok.with_an_account(page([SOUND], False)).responds("user", {"json": {**broken, "error": OK}})
    outcome = connector.read(OAUTH_CONFIG, stream)
    assert (outcome.exit_code, outcome.errors[:-1], outcome.of("RECORD")) == (1, [INCOMPLETE], [])
    assert len(tiktok.requests("user")) == 7


def test_passing_profile_without_open_id_costs_nothing(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(page([SOUND], False)).responds("user", good({"user": {}}), good({"user": USER}))
    outcome = connector.read(OAUTH_CONFIG, "videos")
    assert (outcome.errors, outcome.records("videos")) == ([], [sent(SOUND)])


def test_ids_need_not_be_plain_numbers(tiktok: TikTok, connector: Connector) -> None:
    names = ["7", "07", "007", "v7", "V7", "v-7", "7" * 25, "7" * 24, "\ud800"]
    outcome = read(tiktok, connector, *({"id": name, "create_time": _TIME} for name in [*names, *names]))
    assert ([r["id"] for r in outcome.records("videos")], outcome.errors) == (names, [])
