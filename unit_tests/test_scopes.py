"""Permissions: a refused one costs what it covers, is named once, and never a request that must fail."""

from typing import Any

import pytest

from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OAUTH_CONFIG, TOKEN_ANSWER, TikTok, good, page, refused, video

BASIC, PROFILE, STATS, VIDEOS = "user.info.basic", "user.info.profile", "user.info.stats", "video.list"
COLUMNS = {
    BASIC: ["open_id", "union_id", "avatar_url", "avatar_url_100", "avatar_large_url", "display_name"],
    PROFILE: ["bio_description", "profile_deep_link", "username", "is_verified"],
    STATS: ["follower_count", "following_count", "likes_count", "video_count"],
}
NO_VIDEOS = (
    "config_error",
    "The stream videos needs the permission video.list, which the owner of the TikTok account did not grant. Sign in "
    "to TikTok again and leave it on, or deselect the stream.",
)


def granted(tiktok: TikTok, *scopes: str) -> None:
    tiktok.with_an_account(page([video(1_700_000_000)], False))
    tiktok.answers("token", {"json": {**TOKEN_ANSWER, "scope": ",".join(scopes)}})


def warning(scope: str, columns: list[str]) -> str:
    return (
        f"The owner of the TikTok account did not grant the permission {scope}: {', '.join(columns)} of user_info stay "
        "empty. To fill them, sign in to TikTok again and leave it on."
    )


@pytest.mark.parametrize("videos", [True, False], ids=["with_videos", "without_videos"])
@pytest.mark.parametrize("stats", [True, False], ids=["with_stats", "without_stats"])
@pytest.mark.parametrize("profile", [True, False], ids=["with_profile", "without_profile"])
def test_given_refused_permissions_when_read_then_each_costs_its_columns_or_its_stream_and_one_warning(
    profile: bool, stats: bool, videos: bool, tiktok: TikTok, connector: Connector
) -> None:
    optional = {PROFILE: profile, STATS: stats, VIDEOS: videos}
    granted(tiktok, BASIC, *(scope for scope, given in optional.items() if given))

    outcome = connector.read(OAUTH_CONFIG)

    expected = [name for scope, names in COLUMNS.items() for name in names if optional.get(scope, True)]
    own = {"open_id", "open_id,video_count"} if stats else {"open_id"}
    assert {q["fields"] for q in tiktok.queries("user")} == {",".join(expected)} | {max(own, key=len)}
    refused = [scope for scope in (PROFILE, STATS) if not optional[scope]]
    assert outcome.warnings == [warning(scope, COLUMNS[scope]) for scope in refused]
    assert len(outcome.records("user_info")) == 1
    assert (outcome.errors[:1], len(tiktok.requests("videos"))) == (([], 1) if videos else ([NO_VIDEOS], 0))


@pytest.mark.parametrize(
    ("columns", "warned"), [(["username"], ["username"]), (["follower_count"], []), (["display_name"], [])]
)
def test_given_a_refused_permission_when_its_columns_are_not_selected_then_no_warning(
    columns: list[str], warned: list[str], tiktok: TikTok, connector: Connector
) -> None:
    granted(tiktok, BASIC, STATS, VIDEOS)
    outcome = connector.read(OAUTH_CONFIG, "user_info", columns={"user_info": columns})
    assert outcome.warnings == ([warning(PROFILE, warned)] if warned else [])
    assert outcome.errors == []


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [
        ((BASIC, PROFILE, STATS, VIDEOS), None),
        ((BASIC, PROFILE, STATS), "video.list (stream videos)"),
        ((BASIC, VIDEOS), "user.info.profile (stream user_info), user.info.stats (stream user_info)"),
    ],
)
def test_given_permissions_when_checked_then_it_works_and_names_the_missing_ones(
    scopes: tuple[str, ...], missing: str | None, tiktok: TikTok, connector: Connector
) -> None:
    granted(tiktok, *scopes)
    (status,) = connector.check(OAUTH_CONFIG).of("CONNECTION_STATUS")
    assert status["status"] == "SUCCEEDED"
    said = missing and (
        f"The owner of the TikTok account did not grant {missing}. What these permissions allow cannot be read; to "
        "read it, sign in to TikTok again and leave all permissions on."
    )
    assert status.get("message") == said


def test_given_the_profile_itself_refused_when_checked_then_failed_without_a_request(
    tiktok: TikTok, connector: Connector
) -> None:
    granted(tiktok, VIDEOS)
    (status,) = connector.check(OAUTH_CONFIG).of("CONNECTION_STATUS")
    assert status == {
        "status": "FAILED",
        "message": "The stream user_info needs the permission user.info.basic, which the owner of the TikTok account "
        "did not grant. Sign in to TikTok again and leave it on, or deselect the stream.",
    }
    assert tiktok.requests("user") == []


def test_given_an_access_token_alone_when_read_then_all_columns_are_tried(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    outcome = connector.read(ACCESS_TOKEN_CONFIG)
    everything = ",".join(name for names in COLUMNS.values() for name in names)
    assert {q["fields"] for q in tiktok.queries("user")} == {everything, "open_id,video_count"}
    assert (outcome.warnings, outcome.errors) == ([], [])


@pytest.mark.parametrize("config", [ACCESS_TOKEN_CONFIG, OAUTH_CONFIG], ids=["access_token", "oauth"])
@pytest.mark.parametrize("code", ["scope_not_authorized", "scope_permission_missed"])
def test_given_a_refused_count_of_videos_when_they_are_read_then_they_are_found_without_it(
    code: str, config: Any, tiktok: TikTok, connector: Connector
) -> None:
    """The scopes of a bare access token are unknown, known ones may have ended: `videos` can do without."""
    tiktok.with_an_account(page([video(1_700_000_000)], False))
    tiktok.answers("user", refused(code, 401), good({"user": {"open_id": "_000a"}}))
    outcome = connector.read({**config, "start_date": "2023-11-01"}, "videos")
    assert (outcome.exit_code, outcome.errors, len(outcome.records("videos"))) == (0, [], 1)
    assert [q["fields"] for q in tiktok.queries("user")] == ["open_id,video_count", "open_id"]


def test_given_an_access_token_without_any_permission_when_videos_are_read_then_two_requests_and_the_error(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account().answers("user", refused("scope_not_authorized", 401))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert outcome.errors[0][0] == "config_error"
    assert [q["fields"] for q in tiktok.queries("user")] == ["open_id,video_count", "open_id"]


def test_given_stored_scopes_when_read_without_a_refresh_then_they_are_kept_to(
    tiktok: TikTok, connector: Connector
) -> None:
    stored: dict[str, Any] = {"access_token": "act.stored", "token_expiry_date": "2026-11-02T13:00:00Z"}
    credentials = {**OAUTH_CONFIG["credentials"], **stored, "scope": f"{BASIC},{VIDEOS}"}
    tiktok.with_an_account()
    outcome = connector.read({"credentials": credentials}, "user_info")
    assert [q["fields"] for q in tiktok.queries("user")] == [",".join(COLUMNS[BASIC])]
    assert (len(outcome.warnings), outcome.configs) == (2, [])


@pytest.mark.parametrize(
    ("end", "warned"),
    [("2026-11-16T11:59:59+00:00", True), ("2026-11-16T12:00:01+00:00", False), ("2026-10-01T00:00:00+00:00", True)],
)
def test_given_the_end_of_the_sign_in_when_less_than_14_days_away_then_each_sync_warns_with_its_date(
    end: str, warned: bool, tiktok: TikTok, connector: Connector
) -> None:
    stored = {"access_token": "act.stored", "token_expiry_date": "2026-11-02T13:00:00Z"}
    config = {"credentials": {**OAUTH_CONFIG["credentials"], **stored, "refresh_token_expiry_date": end}}
    tiktok.with_an_account()
    outcome = connector.read(config, "user_info")
    said = (
        f"The sign-in to TikTok ends on {end[:10]}. Sign in to TikTok again before that day and put the new "
        "credentials into this source."
    )
    assert outcome.warnings == ([said] if warned else [])
