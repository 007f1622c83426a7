"""Complete syncs: what they emit, and which requests they send."""

import pytest

from unit_tests.command_result import FIELDS
from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OAUTH_CONFIG, USER, TikTok, page, video

VIDEOS = [video(1_700_000_200), video(1_700_000_100)]
COMPLETE = {"partition": {"open_id": "_000account", "parent_slice": {}}, "cursor": {"create_time": "1700000200"}}


@pytest.mark.parametrize(
    ("config", "bearer"), [(OAUTH_CONFIG, "act.fresh"), (ACCESS_TOKEN_CONFIG, "act.given")], ids=["oauth", "token"]
)
def test_read_emits_both_streams_and_completes(
    config: dict[str, object], bearer: str, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    """With every scope, a sync needs three requests and one more page per 19 videos, and never waits."""
    tiktok.with_an_account(page(VIDEOS, has_more=False))

    outcome = connector.read(config)

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert outcome.records("user_info") == [USER]
    assert outcome.records("videos") == [{**one, "open_id": "_000account"} for one in VIDEOS]
    assert outcome.states[-1]["states"] == [COMPLETE]
    for stream in ("user_info", "videos"):
        assert outcome.statuses(stream) == ["STARTED", "RUNNING", "COMPLETE"]
    requested = sorted(query["fields"] for query in tiktok.queries("user"))
    assert requested == sorted([FIELDS["user_info"], "open_id,video_count"])
    assert [query["fields"] for query in tiktok.queries("videos")] == [FIELDS["videos"]]
    assert tiktok.bodies() == [{"max_count": 20}]
    assert {*tiktok.bearers("user"), *tiktok.bearers("videos")} == {bearer}
    assert waits == []
