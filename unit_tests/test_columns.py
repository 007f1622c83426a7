"""Selected columns: TikTok is asked for these and for the keys, and for nothing else."""

from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, TikTok


def test_given_some_columns_when_read_then_only_they_and_the_keys_are_asked_for(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account()

    connector.read(
        ACCESS_TOKEN_CONFIG, columns={"user_info": ["username", "follower_count"], "videos": ["view_count", "open_id"]}
    )

    assert sorted(q["fields"] for q in tiktok.queries("user")) == [
        "open_id,username,follower_count",
        "open_id,video_count",
    ]
    assert [q["fields"] for q in tiktok.queries("videos")] == ["id,create_time,view_count"]


def test_given_only_videos_selected_when_read_then_the_profile_is_asked_for_the_account_and_its_number_of_videos(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account()

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert [q["fields"] for q in tiktok.queries("user")] == ["open_id,video_count"]
    assert outcome.records("user_info") == []


def test_given_a_check_when_run_then_the_profile_is_asked_for_all_its_fields(
    tiktok: TikTok, connector: Connector
) -> None:
    """A check with fewer fields than the sync would not notice a permission that the sync needs."""
    tiktok.with_an_account()
    connector.check(ACCESS_TOKEN_CONFIG)
    assert [len(q["fields"].split(",")) for q in tiktok.queries("user")] == [14]
    assert tiktok.requests("videos") == []


def test_given_fields_when_asked_for_then_they_stand_in_the_query_and_not_in_the_body(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account()
    connector.read(ACCESS_TOKEN_CONFIG)
    assert set(tiktok.queries("videos")[0]) == {"fields"}
    assert set(tiktok.bodies()[0]) == {"max_count"}
