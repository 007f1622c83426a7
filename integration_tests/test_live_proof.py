"""The proof of `make live`: what the connector reads, against the plain list, and the anonymized responses."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from integration_tests.acceptance import NOW
from integration_tests.live import LiveError
from integration_tests.live.api import BUDGET
from integration_tests.live.probe import NotSeenError
from integration_tests.live.proof import compared, proof
from integration_tests.live.records import differences
from integration_tests.live.stand_ins import StandIns
from integration_tests.live_runs import ProbeRun
from sandbox import Sandbox
from sandbox.facts import VIDEO_FIELDS, VIDEO_LIST_PATH

MORE = "The connector read {0} of the {0} videos of the plain list, each once, and 1 missing from the plain list."
READ = "The connector read the same "
SAME = "The connector read the same {} videos as the plain list, each once."

pytestmark = pytest.mark.usefixtures("proof_in_process")


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        ({}, SAME.format(100)),
        ({"videos": 0}, SAME.format(0)),
        ({"cursor_inclusive": True}, SAME.format(100)),
        ({"cursor_milliseconds": True}, SAME.format(100)),
        ({"short_pages": True, "empty_pages": True, "ids_as_numbers": True}, SAME.format(100)),
        ({"refused_fields": ("is_aigc",)}, SAME.format(100)),
        (
            {"split_seconds": True},
            MORE.format(99),
        ),
    ],
    ids=["default", "empty", "inclusive", "milliseconds", "unusual_pages", "is_aigc", "split"],
)
def test_proof_reports_what_was_read(settings: dict[str, Any], seen: str) -> None:
    with Sandbox(now=NOW, **settings) as sandbox:
        assert (proof(live := ProbeRun(sandbox).live).seen, proof(live).agrees) == (seen, True)


def test_large_account_is_compared_within_the_budget() -> None:
    with Sandbox(now=NOW, videos=1500) as sandbox:
        probe_run = ProbeRun(sandbox).run()
        found = proof(probe_run.live)
        first_day = found.seen.split()[9]
        newer = [video for video in sandbox.account.videos if video["create_time"] >= _time(first_day)]

        assert found.seen == (
            f"The connector read the same {len(newer)} videos posted since {first_day} as the plain list, each once."
        )
        assert 500 < len(newer) <= 1000
        assert len(sandbox.requests) <= BUDGET


@pytest.mark.parametrize("limit", [7, 30])
@pytest.mark.parametrize("videos", [700, 1500])
def test_low_rate_limit_stays_within_the_budget(videos: int, limit: int) -> None:
    """Rate-limited requests count too, and so do the connector's."""
    with Sandbox(now=NOW, videos=videos, rate_limit=limit) as sandbox:
        found = proof(ProbeRun(sandbox).run().live)
        assert (len(sandbox.requests) <= BUDGET, found.agrees, found.seen.startswith(READ)) == (True, True, True)
        assert 429 in {request.status for request in sandbox.requests}
    assert BUDGET == 150


def _time(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=timezone.utc).timestamp()


def test_connector_failure_is_a_finding() -> None:
    with Sandbox(now=NOW) as sandbox:
        live = ProbeRun(sandbox).live
        assert len(live.listing.videos) == 100
        sandbox.fail(VIDEO_LIST_PATH, *["invalid_params"] * 9)
        found = proof(live)
    assert (found.seen.startswith("the connector failed with a system_error: "), found.agrees) == (True, False)


def test_transient_connector_failure_is_not_seen() -> None:
    with Sandbox(now=NOW) as sandbox:
        live = ProbeRun(sandbox).live
        assert len(live.listing.videos) == 100
        sandbox.fail(VIDEO_LIST_PATH, *["html_502"] * 30)
        with pytest.raises(NotSeenError, match="transient_error"):
            proof(live)


@pytest.mark.parametrize("fault", ["token_expired", "html_502", "reset_before", "rate_limited"])
def test_transient_fault_does_not_affect_the_proof(fault: str) -> None:
    with Sandbox(now=NOW) as sandbox:
        live = ProbeRun(sandbox).live
        before = len(live.listing.pages)
        sandbox.fail_on(VIDEO_LIST_PATH, {before + 4: fault})
        assert (proof(live).seen, proof(live).agrees) == (SAME.format(100), True)
        assert len(sandbox.requests) == live.api.used


def test_proof_stops_when_the_budget_is_used_up() -> None:
    with Sandbox(now=NOW, videos=400) as sandbox:
        probe_run = ProbeRun(sandbox, budget=60)
        assert probe_run.live.listing.complete
        used = probe_run.live.api.used
        probe_run.live.api.budget = used + 10
        sandbox.fail(VIDEO_LIST_PATH, *["http_500"] * 6)
        with pytest.raises(LiveError, match=f"budget of {used + 10} requests"):
            proof(probe_run.live)
        assert len(sandbox.requests) == used + 10


def test_proof_needs_the_video_list_scope() -> None:
    with Sandbox(videos=3) as sandbox:
        live = ProbeRun(sandbox, sandbox.config(scopes=("user.info.basic",))).live
        with pytest.raises(NotSeenError):
            proof(live)
        assert {request.error_code for request in sandbox.requests_to(VIDEO_LIST_PATH)} == {"scope_not_authorized"}


LISTED = {"1": 100, "2": 90, "3": 80}


@pytest.mark.parametrize(
    ("read", "seen", "agrees"),
    [
        ([1, 2, 3], SAME.format(3), True),
        ([4, 1, 2, 3], SAME.format(3), True),
        ([1, 3], "The connector read 2 of the 3 videos of the plain list, each once.", False),
        ([1, 2, 3, 3], "The connector read 3 of the 3 videos of the plain list, 1 more than once.", False),
        (
            [1, 2, 3, 5],
            MORE.format(3),
            True,
        ),
    ],
    ids=["same", "posted_meanwhile", "missing", "twice", "more"],
)
def test_message_names_each_kind_of_difference(read: list[int], seen: str, agrees: bool) -> None:
    times = {1: 100, 2: 90, 3: 80, 4: 101, 5: 85}
    found = compared(LISTED, [{"id": str(n), "create_time": times[n]} for n in read], None)
    assert (found.seen, found.agrees) == (seen, agrees)


# --- records ---


def test_stand_ins_keep_only_the_form() -> None:
    video = {"id": str(1_700_000_000 << 32 | 77), "create_time": 1_700_000_007, "title": "", "duration": 0}
    other = {**video, "id": 1_700_000_000 << 32 | 78, "title": "Ox 9 " * 9, "like_count": 812, "duration": 37}
    body = {
        "data": {
            "cursor": 1_700_000_007_000,
            "has_more": True,
            "videos": [video, other],
            "user": {"open_id": "-000aB_c", "is_verified": True, "bio_description": None, "new_field": "mine 7"},
        },
        "error": {"code": "ok", "message": "Hello mine 7", "log_id": "202602AB"},
    }

    replaced = StandIns({"mine 7"}).of(body)

    first, second = replaced["data"].pop("videos")
    time = first["create_time"]
    lags = [time - (int(number["id"]) >> 32) for number in (first, second)]
    assert (time != 1_700_000_007, 3 <= min(lags) <= max(lags) < 60) == (True, True)
    assert [int(number["id"]) & 0xFFFFFFFF for number in (first, second)] == [0, 1]
    assert first == {"id": first["id"], "create_time": time, "title": "", "duration": 0}
    assert isinstance(first["id"], str)
    assert second == {**first, "id": int(second["id"]), "title": "x" * 60, "like_count": 1, "duration": 40}
    assert replaced == {
        "data": {
            "cursor": time * 1000,
            "has_more": True,
            "user": {"open_id": "-0000" + "0_0", "is_verified": True, "bio_description": None, "new_field": "x" * 20},
        },
        "error": {"code": "ok", "message": "x" * 20, "log_id": "00000000"},
    }


def test_times_keep_their_order_but_not_their_gaps() -> None:
    """Who knows when an account posted must not recognize its times, neither by one offset nor by the gaps."""
    times = [1_700_000_000 - 86_400 * n for n in (0, 1, 1, 2, 9)]
    body = {"data": {"videos": [{"id": str(n), "create_time": time} for n, time in enumerate(times)]}}

    runs = [[video["create_time"] for video in StandIns().of(body)["data"]["videos"]] for _ in range(2)]

    for stand_ins in runs:
        assert stand_ins == sorted(stand_ins, reverse=True)
        assert [earlier == later for earlier, later in pairwise(stand_ins)] == [False, True, False, False]
        assert len({time - stand_in for time, stand_in in zip(times, stand_ins, strict=True)}) == 4
        assert [a - b for a, b in pairwise(stand_ins)] != [a - b for a, b in pairwise(times)]
    assert runs[0] != runs[1]


def test_links_and_tokens_keep_their_format() -> None:
    body = {
        "share_url": "https://www.tiktok.com/@ada/video/71?utm_source=key&x=1",
        "link": "https://ada.example.org/me",
        "access_token": "act.aB9!12.va",
        "embed_html": '<p a="b">a caption of ten words</p>',
    }
    assert StandIns().of(body) == {
        "share_url": "https://www.tiktok.com/@xxx/video/xx?utm_source=xxx&x=x",
        "link": "https://example.com/xx",
        "access_token": "act.xxx!xx.xx",
        "embed_html": '<x x="x">x x</x>',
    }


def test_written_records_match_the_responses(tmp_path: Path) -> None:
    with Sandbox(now=NOW, rate_limit=9) as sandbox:
        probe_run = ProbeRun(sandbox).run()
    probe_run.records.write(tmp_path, probe_run.live.authorization.secrets)

    written = {path.stem: json.loads(path.read_text()) for path in tmp_path.iterdir()}
    assert set(written) == {
        *("token_refresh.200", "token_invalid_grant.400", "token_invalid_client.400", "token_invalid_request.400"),
        *("user_info.200", "access_token_invalid.401", "invalid_params.400", "invalid_params.404"),
        "rate_limit_exceeded.429",
        *("video_list.200", "video_list_after_the_end.200", "video_query.200", "video_query_unknown_id.200"),
    }
    assert differences(written, probe_run.records.bodies()) == []
    assert len(written["video_list.200"]["data"]["videos"]) == 3
    assert set(written["video_list.200"]["data"]["videos"][0]) == set(VIDEO_FIELDS)


OURS: dict[str, Any] = {"user_info.200": {"data": {"user": {"open_id": "a", "is_verified": True}}}, "bad.400": {}}


@pytest.mark.parametrize(
    ("recorded", "found"),
    [
        ({"user_info.200": {"data": {"user": {"open_id": "b"}}}, "unknown.200": {"a": 1}}, []),
        ({"user_info": {"data": {"user": {"open_id": None}}}}, []),
        ({"user_info.200": {"data": {"user": {"open_id": 1}}}}, ["user_info.200.data.user.open_id: int, not str"]),
        ({"user_info.200": {"data": {"user": {"bio": ""}}}}, ["user_info.200.data.user.bio: not in both"]),
        ({"user_info.200": {}}, ["user_info.200.data: not in both"]),
        ({"bad.200": {}}, ["bad.200: the sandbox responds with bad.400"]),
    ],
    ids=["same", "null", "type", "more", "less", "status"],
)
def test_differences_in_structure_are_named(recorded: dict[str, Any], found: list[str]) -> None:
    assert differences(recorded, OURS) == found
