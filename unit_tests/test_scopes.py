"""Permissions: a refused one costs only what it covers, is named once and never causes a request that must fail."""

import pytest

from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OAUTH_CONFIG, TOKEN_RESPONSE, TikTok, good, page, refused, video

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
NO_SCOPE = (
    "config_error",
    "The TikTok account did not grant this source every permission it needs: the stream user_info needs "
    "user.info.basic, user.info.profile and user.info.stats, the stream videos needs video.list. Sign in to TikTok "
    "again and leave all permissions on.",
)


def granted(tiktok: TikTok, *scopes: str) -> None:
    tiktok.with_an_account(page([video(1_700_000_000)], False))
    tiktok.responds("token", {"json": {**TOKEN_RESPONSE, "scope": ",".join(scopes)}})


def warning(scope: str, columns: list[str]) -> str:
    return (
        f"The owner of the TikTok account did not grant the permission {scope}: {', '.join(columns)} of user_info stay "
        "empty. To fill them, sign in to TikTok again and leave it on."
    )


@pytest.mark.parametrize("videos", [True, False], ids=["with_videos", "without_videos"])
@pytest.mark.parametrize("stats", [True, False], ids=["with_stats", "without_stats"])
@pytest.mark.parametrize("profile", [True, False], ids=["with_profile", "without_profile"])
def test_refused_scope_costs_its_columns_or_stream(
    profile: bool, stats: bool, videos: bool, tiktok: TikTok, connector: Connector
) -> None:
    optional = {PROFILE: profile, STATS: stats, VIDEOS: videos}
    granted(tiktok, BASIC, *(scope for scope, given in optional.items() if given))

    outcome = connector.read(OAUTH_CONFIG)

    expected = [name for scope, names in COLUMNS.items() for name in names if optional.get(scope, True)]
    of_videos = "open_id,video_count" if stats else "open_id"
    assert {q["fields"] for q in tiktok.queries("user")} == {",".join(expected), of_videos}
    refused = [scope for scope in (PROFILE, STATS) if not optional[scope]]
    assert outcome.warnings == [warning(scope, COLUMNS[scope]) for scope in refused]
    assert len(outcome.records("user_info")) == 1
    assert (outcome.errors[:-1], len(tiktok.requests("videos"))) == (([], 1) if videos else ([NO_VIDEOS], 0))


@pytest.mark.parametrize(
    ("columns", "warned"), [(["username"], ["username"]), (["follower_count"], []), (["display_name"], [])]
)
def test_unselected_columns_cause_no_warning(
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
def test_check_succeeds_and_names_missing_scopes(
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


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ({"username": "some.body", "display_name": "Some Body"}, "@some.body"),
        ({"display_name": "Some Body"}, "Some Body"),
        ({"display_name": None}, "_000account"),
    ],
    ids=["username", "display_name", "open_id"],
)
def test_check_logs_account_scopes_and_days_left(
    user: dict[str, str], name: str, tiktok: TikTok, connector: Connector
) -> None:
    granted(tiktok, BASIC, VIDEOS)
    tiktok.responds("user", good({"user": {"open_id": "_000account", **user}}))
    logs = [log["message"] for log in connector.check(OAUTH_CONFIG).of("LOG")]
    assert [message for message in logs if "sign-in" in message and "grant" not in message] == [
        "The sign-in to TikTok ends in 180 days.",
        f"TikTok accepts the sign-in of {name}; permissions: user.info.basic, video.list.",
    ]


def test_check_knows_no_scopes_of_an_access_token(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    outcome = connector.check(ACCESS_TOKEN_CONFIG)
    assert "TikTok accepts the sign-in of Some Body; permissions: unknown." in outcome.logs
    assert "The sign-in to TikTok ends" not in outcome.logs


def test_check_fails_without_the_basic_scope(tiktok: TikTok, connector: Connector) -> None:
    granted(tiktok, VIDEOS)
    (status,) = connector.check(OAUTH_CONFIG).of("CONNECTION_STATUS")
    assert status == {
        "status": "FAILED",
        "message": "The stream user_info needs the permission user.info.basic, which the owner of the TikTok account "
        "did not grant. Sign in to TikTok again and leave it on, or deselect the stream.",
    }
    assert tiktok.requests("user") == []


def test_bare_access_token_tries_every_column(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    outcome = connector.read(ACCESS_TOKEN_CONFIG)
    everything = ",".join(name for names in COLUMNS.values() for name in names)
    assert {q["fields"] for q in tiktok.queries("user")} == {everything, "open_id,video_count"}
    assert (outcome.warnings, outcome.errors) == ([], [])


@pytest.mark.parametrize("code", ["scope_not_authorized", "scope_permission_missed"])
@pytest.mark.parametrize("endpoint", ["user", "videos"])
def test_scope_refused_by_tiktok_is_a_config_error(
    endpoint: str, code: str, tiktok: TikTok, connector: Connector
) -> None:
    """The scopes of a bare access token are unknown: TikTok says which of them is missing, once per stream."""
    tiktok.with_an_account().responds(endpoint, refused(code, 401))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert outcome.errors[:-1] == [NO_SCOPE]
    # Without the number of videos, whose scope it may be, the account can be read all the same.
    assert len(tiktok.requests(endpoint)) == {"user": 2, "videos": 1}[endpoint]


def test_videos_are_read_without_the_stats_scope(tiktok: TikTok, connector: Connector) -> None:
    """It is wanted for the number of videos, which only saves requests."""
    tiktok.with_an_account(page([video(1_700_000_000)], False))
    tiktok.responds("user", refused("scope_not_authorized", 401), good({"user": {"open_id": "_000account"}}))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert (outcome.errors, [v["open_id"] for v in outcome.records("videos")]) == ([], ["_000account"])
    assert [q["fields"] for q in tiktok.queries("user")] == ["open_id,video_count", "open_id"]


def test_stored_scopes_are_respected(tiktok: TikTok, connector: Connector) -> None:
    stored = {"access_token": "act.stored", "token_expiry_date": "2026-11-02T13:00:00Z"}
    credentials = {**OAUTH_CONFIG["credentials"], **stored, "scope": f"{BASIC},{VIDEOS}"}
    tiktok.with_an_account()
    outcome = connector.read({"credentials": credentials}, "user_info")
    assert [q["fields"] for q in tiktok.queries("user")] == [",".join(COLUMNS[BASIC])]
    assert (len(outcome.warnings), outcome.configs) == (2, [])
