"""Scopes that were not granted: they are detected by TikTok's rejections, and only their columns are null."""

from itertools import product
from typing import Any

import pytest

from source_tiktok_organic import SourceTiktokOrganic
from source_tiktok_organic.config import load_manifest
from unit_tests.command_result import FIELDS
from unit_tests.connector import Connector
from unit_tests.tiktok import (
    ACCESS_TOKEN_CONFIG,
    OAUTH_CONFIG,
    TOKEN_RESPONSE,
    TikTok,
    error_response,
    ok_response,
    page,
    video,
)

BASIC, PROFILE, STATS, VIDEOS = "user.info.basic", "user.info.profile", "user.info.stats", "video.list"
EVERY_SCOPE = (BASIC, PROFILE, STATS, VIDEOS)
COLUMNS = {
    BASIC: ["open_id", "union_id", "avatar_url", "avatar_url_100", "avatar_large_url", "display_name"],
    PROFILE: ["bio_description", "profile_deep_link", "username", "is_verified"],
    STATS: ["follower_count", "following_count", "likes_count", "video_count"],
}
SCOPE_OF = {name: scope for scope, names in COLUMNS.items() for name in names}
USER = {
    "open_id": "_000account",
    "union_id": "0123-4567",
    "avatar_url": "https://p16.tiktokcdn.com/a.jpeg",
    "avatar_url_100": "https://p16.tiktokcdn.com/a100.jpeg",
    "avatar_large_url": "https://p16.tiktokcdn.com/a1080.jpeg",
    "display_name": "Some Body",
    "bio_description": "",
    "profile_deep_link": "https://vm.tiktok.com/x/",
    "username": "some.body",
    "is_verified": False,
    "follower_count": 12,
    "following_count": 0,
    "likes_count": 34,
    "video_count": 1,
}
VIDEO = video(1_700_000_000)
RECORD = {**VIDEO, "open_id": "_000account"}
CREDENTIALS = {"oauth": OAUTH_CONFIG, "access_token": ACCESS_TOKEN_CONFIG}
CODES = {"scope_not_authorized": 401, "scope_permission_missed": 400}
DEFINITIONS = load_manifest()["definitions"]
MESSAGES = DEFINITIONS["messages"]
(INVALID_PARAMS,) = (
    (response_filter["failure_type"], response_filter["error_message"])
    for response_filter in DEFINITIONS["error_handler"]["response_filters"]
    if "'invalid_params'" in response_filter.get("predicate", "")
)


def grant(tiktok: TikTok, *scopes: str, code: str = "scope_not_authorized") -> TikTok:
    """Respond as TikTok does for an account that granted only these scopes."""
    tiktok.with_an_account()
    rejection = error_response(code, CODES[code])["json"]

    def user(request: Any, context: Any) -> Any:
        names = request.qs["fields"][0].split(",")
        if all(SCOPE_OF[name] in scopes for name in names):
            return ok_response({"user": {name: USER[name] for name in names}})["json"]
        context.status_code = CODES[code]
        return rejection

    def videos(request: Any, context: Any) -> Any:
        if VIDEOS in scopes:
            return page([VIDEO], False)["json"]
        context.status_code = CODES[code]
        return rejection

    return tiktok.responds("user", {"json": user}).responds("videos", {"json": videos})


def all_but(*scopes: str) -> list[str]:
    return [scope for scope in EVERY_SCOPE if scope not in scopes]


def columns_without(*scopes: str) -> str:
    return ",".join(name for name, scope in SCOPE_OF.items() if scope not in scopes)


def requested(tiktok: TikTok) -> dict[str, list[str]]:
    """The fields requested for each stream, in order; `videos` has a parent, which only needs the account."""
    of_users = [query["fields"] for query in tiktok.queries("user")]
    return {
        "user_info": [fields for fields in of_users if fields not in ("open_id,video_count", "open_id")],
        "parent": [fields for fields in of_users if fields in ("open_id,video_count", "open_id")],
        "videos": [query["fields"] for query in tiktok.queries("videos")],
    }


def columns_warning(scope: str, columns: list[str]) -> str:
    return MESSAGES["columns_not_granted"].format(scope=scope, names=", ".join(columns), stream="user_info")


def missing_key(stream: str) -> tuple[str, str]:
    scope = {"user_info": BASIC, "videos": VIDEOS}[stream]
    return "config_error", MESSAGES["key_scope_missing"].format(stream=stream, scope=scope)


# --- syncs ---


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("config", CREDENTIALS.values(), ids=CREDENTIALS)
@pytest.mark.parametrize(
    "missing",
    [
        tuple(scope for scope, is_missing in zip((PROFILE, STATS, VIDEOS), flags, strict=True) if is_missing)
        for flags in product((False, True), repeat=3)
    ],
    ids=lambda missing: "+".join(missing) or "none",
)
def test_missing_scope_drops_its_columns_or_stream(
    missing: tuple[str, ...], config: Any, code: str, tiktok: TikTok, connector: Connector
) -> None:
    grant(tiktok, *all_but(*missing), code=code)

    outcome = connector.read(config)

    assert outcome.records("user_info") == [{name: USER[name] for name in columns_without(*missing).split(",")}]
    assert outcome.warnings == [columns_warning(scope, COLUMNS[scope]) for scope in missing if scope in COLUMNS]
    assert outcome.statuses("user_info") == ["STARTED", "RUNNING", "COMPLETE"]
    if VIDEOS in missing:
        assert (outcome.records("videos"), outcome.errors[:-1]) == ([], [missing_key("videos")])
        assert outcome.statuses("videos") == ["STARTED", "INCOMPLETE"]
        (account,) = outcome.states[-1]["states"]
        assert account["cursor"] == {"create_time": "1388534400"}
    else:
        assert (outcome.records("videos"), outcome.errors) == ([RECORD], [])
        assert outcome.statuses("videos") == ["STARTED", "RUNNING", "COMPLETE"]


@pytest.mark.parametrize(
    ("missing", "expected_drops"),
    [
        ((), [()]),
        ((PROFILE,), [(), (PROFILE,)]),
        ((STATS,), [(), (PROFILE,), (STATS,)]),
        ((PROFILE, STATS), [(), (PROFILE,), (STATS,), (PROFILE, STATS)]),
    ],
    ids=["none", "profile", "stats", "both"],
)
def test_scopes_are_dropped_one_by_one_then_all(
    missing: tuple[str, ...], expected_drops: list[tuple[str, ...]], tiktok: TikTok, connector: Connector
) -> None:
    """At most four more requests than with all scopes, and none more if nothing is missing."""
    grant(tiktok, *all_but(*missing))

    outcome = connector.read(OAUTH_CONFIG)

    assert outcome.errors == []
    parent = ["open_id,video_count", "open_id"] if STATS in missing else ["open_id,video_count"]
    of_users = [columns_without(*dropped) for dropped in expected_drops]
    assert requested(tiktok) == {"user_info": of_users, "parent": parent, "videos": [FIELDS["videos"]]}
    assert len(of_users) + len(parent) + 1 <= 3 + 4


def test_rejected_fields_are_dropped_from_later_requests(
    tiktok: TikTok, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    grant(tiktok, *all_but(PROFILE))
    profile, _ = SourceTiktokOrganic(config=ACCESS_TOKEN_CONFIG).streams(ACCESS_TOKEN_CONFIG)
    (partition,) = profile.generate_partitions()

    read = [dict(record.data) for _ in range(3) for record in partition.read()]

    assert read == [{name: USER[name] for name in columns_without(PROFILE).split(",")}] * 3
    assert requested(tiktok)["user_info"] == [columns_without(), *[columns_without(PROFILE)] * 3]
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [columns_warning(PROFILE, COLUMNS[PROFILE])]
    assert waits == []


@pytest.mark.parametrize(
    ("selected", "fields"),
    [
        (["username", "bio_description"], "open_id,bio_description,username"),
        (["display_name"], "open_id,display_name"),
        (["open_id"], "open_id"),
    ],
)
def test_scope_of_deselected_columns_is_not_requested(
    selected: list[str], fields: str, tiktok: TikTok, connector: Connector
) -> None:
    grant(tiktok, BASIC, PROFILE)

    outcome = connector.read(OAUTH_CONFIG, "user_info", columns={"user_info": selected})

    assert [query["fields"] for query in tiktok.queries("user")] == [fields]
    assert outcome.records("user_info") == [{name: USER[name] for name in fields.split(",")}]
    assert (outcome.errors, outcome.warnings) == ([], [])


def test_warning_names_selected_columns_only(tiktok: TikTok, connector: Connector) -> None:
    grant(tiktok, BASIC, PROFILE)

    outcome = connector.read(OAUTH_CONFIG, "user_info", columns={"user_info": ["likes_count", "display_name"]})

    assert [query["fields"] for query in tiktok.queries("user")] == [
        "open_id,display_name,likes_count",
        "open_id,display_name",
    ]
    assert outcome.records("user_info") == [{"open_id": "_000account", "display_name": "Some Body"}]
    assert (outcome.errors, outcome.warnings) == ([], [columns_warning(STATS, ["likes_count"])])


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("config", CREDENTIALS.values(), ids=CREDENTIALS)
def test_missing_basic_scope_fails_both_streams(config: Any, code: str, tiktok: TikTok, connector: Connector) -> None:
    """Without the account's id there is no key, and no account whose videos could be read."""
    grant(tiktok, PROFILE, STATS, VIDEOS, code=code)

    outcome = connector.read(config)

    assert (outcome.exit_code, outcome.errors[:-1]) == (1, [missing_key("user_info")] * 2)
    assert outcome.of("RECORD") == []
    assert outcome.warnings == []
    assert [outcome.statuses(stream)[-1] for stream in ("user_info", "videos")] == ["INCOMPLETE"] * 2
    of_users = [columns_without(*dropped) for dropped in [(), (PROFILE,), (STATS,), (PROFILE, STATS)]]
    assert requested(tiktok) == {"user_info": of_users, "parent": ["open_id,video_count", "open_id"], "videos": []}


def test_videos_are_read_without_the_video_count(tiktok: TikTok, connector: Connector) -> None:
    """It is requested to save requests, and no column is missing without it."""
    grant(tiktok, BASIC, VIDEOS)
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert (outcome.records("videos"), outcome.errors, outcome.warnings) == ([RECORD], [], [])
    assert requested(tiktok)["parent"] == ["open_id,video_count", "open_id"]


@pytest.mark.parametrize("config", CREDENTIALS.values(), ids=CREDENTIALS)
@pytest.mark.parametrize(
    ("before", "after"), [((STATS,), ()), ((), (STATS,)), ((STATS,), (PROFILE,))], ids=["granted", "withdrawn", "both"]
)
def test_each_sync_requests_every_scope_again(
    before: tuple[str, ...], after: tuple[str, ...], config: Any, tiktok: TikTok, connector: Connector
) -> None:
    grant(tiktok, *all_but(*before))
    first = connector.read(config, "user_info")
    (stored,) = first.configs or [config]
    grant(tiktok, *all_but(*after))

    second = connector.read(stored, "user_info")

    assert [o.records("user_info") for o in (first, second)] == [
        [{name: USER[name] for name in columns_without(*missing).split(",")}] for missing in (before, after)
    ]
    assert [o.warnings for o in (first, second)] == [
        [columns_warning(scope, COLUMNS[scope]) for scope in missing] for missing in (before, after)
    ]
    assert (first.errors, second.errors) == ([], [])


def test_videos_scope_withdrawn_midway_keeps_what_was_read(tiktok: TikTok, connector: Connector) -> None:
    newest = [video(1_700_000_000 - 3600 * n) for n in range(20)]
    tiktok.with_an_account(page(newest, True), error_response("scope_not_authorized", 401))

    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": "2023-11-10"}, "videos")

    assert outcome.records("videos") == [{**one, "open_id": "_000account"} for one in newest]
    assert outcome.errors[:-1] == [missing_key("videos")]
    assert len(tiktok.requests("videos")) == 2
    (account,) = outcome.states[-1]["states"]
    (read,) = account["cursor"]["slices"]
    assert (read["start"], read["end"]) == ("1699931601", "1700000000")


@pytest.mark.parametrize("fault", [error_response("internal_error", 500), error_response("rate_limit_exceeded", 429)])
def test_search_for_the_missing_scope_survives_faults(fault: Any, tiktok: TikTok, connector: Connector) -> None:
    record = {name: USER[name] for name in columns_without(PROFILE).split(",")}
    tiktok.with_an_account()
    tiktok.responds("user", error_response("scope_not_authorized", 401), fault, ok_response({"user": record}))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "user_info")

    assert (outcome.records("user_info"), outcome.errors) == ([record], [])
    assert outcome.warnings == [columns_warning(PROFILE, COLUMNS[PROFILE])]
    assert requested(tiktok)["user_info"] == [columns_without(), *[columns_without(PROFILE)] * 2]


def test_search_stops_at_the_first_persistent_fault(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    tiktok.responds("user", error_response("scope_not_authorized", 401), error_response("internal_error", 500))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "user_info")
    assert [failure for failure, _ in outcome.errors[:-1]] == ["transient_error"]
    assert requested(tiktok)["user_info"] == [columns_without(), *[columns_without(PROFILE)] * 7]
    assert outcome.warnings == []


def test_other_rejections_do_not_stop_the_search(tiktok: TikTok, connector: Connector) -> None:
    record = {name: USER[name] for name in columns_without(STATS).split(",")}
    tiktok.with_an_account()
    tiktok.responds(
        "user",
        error_response("scope_not_authorized", 401),
        error_response("invalid_params", 400),
        ok_response({"user": record}),
    )
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "user_info")
    assert (outcome.records("user_info"), outcome.errors) == ([record], [])
    assert outcome.warnings == [columns_warning(STATS, COLUMNS[STATS])]


@pytest.mark.parametrize(
    ("stream", "codes", "requests"),
    [
        ("user_info", ["invalid_params", "scope_not_authorized"], 1),
        ("user_info", ["scope_not_authorized", "invalid_params"], 4),
        ("videos", ["invalid_params", "scope_not_authorized"], 2),
        ("videos", ["scope_not_authorized", "invalid_params"], 1),
    ],
)
def test_failed_search_reports_the_last_rejection(
    stream: str, codes: list[str], requests: int, tiktok: TikTok, connector: Connector
) -> None:
    """It requests the fewest fields, so that the rejected ones cannot be dropped."""
    endpoint = {"user_info": "user", "videos": "videos"}[stream]
    tiktok.with_an_account().responds(endpoint, *(error_response(code, 400) for code in codes))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, stream)

    last = codes[min(requests, len(codes)) - 1]
    assert outcome.errors[:-1] == [missing_key(stream) if last == "scope_not_authorized" else INVALID_PARAMS]
    assert (len(tiktok.requests(endpoint)), outcome.warnings, outcome.records(stream)) == (requests, [], [])


@pytest.mark.parametrize("scope", ["", BASIC, "user.info.basic video.list", 7], ids=str)
def test_scope_in_an_old_config_is_ignored(scope: Any, tiktok: TikTok, connector: Connector) -> None:
    """Earlier versions stored the scopes of the token response there, and requested no fields of others."""
    grant(tiktok, *EVERY_SCOPE)
    credentials = {**OAUTH_CONFIG["credentials"], "access_token": "act.stored", "scope": scope}

    outcome = connector.read({"credentials": credentials})

    assert (outcome.records("user_info"), outcome.records("videos")) == ([USER], [RECORD])
    assert (outcome.errors, outcome.warnings, outcome.configs) == ([], [], [])


@pytest.mark.parametrize("scope", ["", BASIC, None, 7], ids=str)
def test_scope_of_a_token_response_is_ignored(scope: Any, tiktok: TikTok, connector: Connector) -> None:
    grant(tiktok, *EVERY_SCOPE).responds("token", {"json": {**TOKEN_RESPONSE, "scope": scope}})

    outcome = connector.read(OAUTH_CONFIG)

    assert (outcome.records("user_info"), outcome.records("videos")) == ([USER], [RECORD])
    assert (outcome.errors, outcome.warnings) == ([], [])
    (stored,) = outcome.configs
    assert "scope" not in stored["credentials"]


# --- check ---


def check_message(*missing: str) -> str:
    streams = {scope: "videos" if scope == VIDEOS else "user_info" for scope in EVERY_SCOPE}
    return MESSAGES["scopes_not_granted"].format(
        scopes=", ".join(f"{scope} (stream {streams[scope]})" for scope in missing)
    )


def authenticated_as(name: str) -> str:
    return str(MESSAGES["authenticated_as"].format(name=name, open_id="_000account"))


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("config", CREDENTIALS.values(), ids=CREDENTIALS)
@pytest.mark.parametrize(
    "missing",
    [(), (PROFILE,), (STATS,), (VIDEOS,), (PROFILE, STATS), (PROFILE, STATS, VIDEOS)],
    ids=lambda missing: "+".join(missing) or "none",
)
def test_check_names_missing_scopes_and_streams(
    missing: tuple[str, ...], config: Any, code: str, tiktok: TikTok, connector: Connector
) -> None:
    grant(tiktok, *all_but(*missing), code=code)

    outcome = connector.check(config)

    message = {"message": check_message(*missing)} if missing else {}
    assert outcome.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED", **message}]
    name = "Some Body" if PROFILE in missing else "@some.body"
    assert f"{authenticated_as(name)} Granted scopes: {', '.join(all_but(*missing))}." in outcome.logs.splitlines()
    of_columns = [columns_warning(scope, COLUMNS[scope]) for scope in missing if scope in COLUMNS]
    assert outcome.warnings == [*of_columns, *message.values()]
    assert (outcome.exit_code, outcome.errors) == (0, [])


@pytest.mark.parametrize("missing", [(), (PROFILE, STATS, VIDEOS)], ids=["none", "all"])
def test_check_requests_every_field_and_one_video(
    missing: tuple[str, ...], tiktok: TikTok, connector: Connector
) -> None:
    """With fewer fields than a sync, it would not detect a missing scope that the sync needs."""
    grant(tiktok, *all_but(*missing))
    connector.check(ACCESS_TOKEN_CONFIG)
    expected_drops = [(), (PROFILE,), (STATS,), (PROFILE, STATS)] if missing else [()]
    of_users = [columns_without(*dropped) for dropped in expected_drops]
    assert requested(tiktok) == {"user_info": of_users, "parent": [], "videos": [FIELDS["videos"]]}
    assert tiktok.bodies() == [{"max_count": 1}]


def test_check_of_many_videos_requests_one_page(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(*range(1_700_000_000, 1_700_000_100))
    outcome = connector.check(ACCESS_TOKEN_CONFIG)
    assert outcome.of("CONNECTION_STATUS")[0]["status"] == "SUCCEEDED"
    assert (len(tiktok.requests("user")), tiktok.bodies()) == (1, [{"max_count": 1}])


@pytest.mark.parametrize(
    ("missing", "changes", "name"),
    [
        ((), {}, "@some.body"),
        ((), {"username": None}, "Some Body"),
        ((), {"username": "", "display_name": None}, "_000account"),
        ((PROFILE,), {}, "Some Body"),
        ((PROFILE,), {"display_name": ""}, "_000account"),
    ],
)
def test_check_logs_the_best_name_of_the_account(
    missing: tuple[str, ...],
    changes: Any,
    name: str,
    tiktok: TikTok,
    connector: Connector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for column, value in changes.items():
        monkeypatch.setitem(USER, column, value)
    grant(tiktok, *all_but(*missing))
    logs = connector.check(OAUTH_CONFIG).logs
    assert f"{authenticated_as(name)} Granted scopes: " in logs
    assert logs.count("Authenticated") == 1


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("config", CREDENTIALS.values(), ids=CREDENTIALS)
def test_check_fails_without_the_basic_scope(config: Any, code: str, tiktok: TikTok, connector: Connector) -> None:
    grant(tiktok, PROFILE, STATS, VIDEOS, code=code)
    outcome = connector.check(config)
    assert outcome.of("CONNECTION_STATUS") == [{"status": "FAILED", "message": missing_key("user_info")[1]}]
    assert "Authenticated as" not in outcome.logs
    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert tiktok.requests("videos") == []
