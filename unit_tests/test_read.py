"""Whole reads: what a sync emits and which requests it makes."""

from unit_tests.connector import Connector
from unit_tests.tiktok import OAUTH_CONFIG, USER, TikTok, page, video


def test_read_emits_both_streams_and_their_end(tiktok: TikTok, connector: Connector) -> None:
    videos = [video(1_700_000_200), video(1_700_000_100)]
    tiktok.with_an_account(page(videos, has_more=False))

    outcome = connector.read(OAUTH_CONFIG)

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert outcome.records("user_info") == [USER]
    assert outcome.records("videos") == [{**v, "open_id": "_000account"} for v in videos]
    for stream in ("user_info", "videos"):
        assert outcome.statuses(stream) == ["STARTED", "RUNNING", "COMPLETE"]
