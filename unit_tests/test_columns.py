"""Selected columns: only these and the keys are requested from TikTok; and fields that it rejects."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from unit_tests.command_result import FIELD_REFUSED, FIELDS, OPTIONAL
from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OAUTH_CONFIG, TikTok, error_response, ok_response, page

KNOWN_FIELDS = ",".join(name for name in FIELDS["videos"].split(",") if name not in OPTIONAL)


def reject_optional_fields(tiktok: TikTok, times: list[int], code: str, status: int) -> None:
    """Respond for an account with these videos, and reject the optional fields, such as `is_aigc`."""
    listed = tiktok.with_videos(*times).listed

    def respond(request: Any, context: Any) -> Any:
        if any(name in urlsplit(request.url).query for name in OPTIONAL):
            context.status_code = status
            return error_response(code, status)["json"]
        return listed.respond(request, context)

    tiktok.responds("videos", {"json": respond})


def test_only_selected_columns_and_keys_are_requested(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()

    connector.read(
        ACCESS_TOKEN_CONFIG, columns={"user_info": ["username", "follower_count"], "videos": ["view_count", "open_id"]}
    )

    requested = sorted(q["fields"] for q in tiktok.queries("user"))
    assert requested == ["open_id,username,follower_count", "open_id,video_count"]
    assert [q["fields"] for q in tiktok.queries("videos")] == ["id,create_time,view_count"]


def test_videos_alone_need_the_account_and_a_count(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert [q["fields"] for q in tiktok.queries("user")] == ["open_id,video_count"]
    assert outcome.records("user_info") == []


def test_fields_are_in_the_query_and_not_in_the_body(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    connector.read(ACCESS_TOKEN_CONFIG)
    assert set(tiktok.queries("videos")[0]) == {"fields"}
    assert set(tiktok.bodies()[0]) == {"max_count"}


def test_commas_in_fields_are_not_encoded(tiktok: TikTok, connector: Connector) -> None:
    """Whether TikTok accepts `%2C`, as the CDK encodes a comma in a parameter, is unknown."""
    tiktok.with_an_account()
    connector.read(ACCESS_TOKEN_CONFIG, columns={"user_info": ["username"], "videos": ["title", "view_count"]})
    urls = {r.url for endpoint in ("user", "videos") for r in tiktok.requests(endpoint)}
    assert urls == {
        "https://open.tiktokapis.com/v2/user/info/?fields=open_id,video_count",
        "https://open.tiktokapis.com/v2/user/info/?fields=open_id,username",
        "https://open.tiktokapis.com/v2/video/list/?fields=id,create_time,title,view_count",
    }


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("code", ["invalid_params", "never_heard_of"])
@pytest.mark.parametrize("pages", [1, 3, 20])
def test_rejected_optional_fields_drop_only_their_columns(
    pages: int, code: str, status: int, tiktok: TikTok, connector: Connector
) -> None:
    times = [1_700_000_000 - n for n in range(20 * pages)]
    reject_optional_fields(tiktok, times, code, status)

    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": "2023-11-14", "num_workers": 2}, "videos")

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [FIELD_REFUSED])
    assert sorted((v["create_time"] for v in outcome.records("videos")), reverse=True) == times
    with_it, *without_it = [query["fields"] for query in tiktok.queries("videos")]
    assert with_it == FIELDS["videos"]
    assert set(without_it) == {KNOWN_FIELDS}


def test_workers_warn_once_about_a_rejected_field(tiktok: TikTok, connector: Connector) -> None:
    """Several windows send their first requests at once, and each may be rejected."""
    times = [1_700_000_000 - 1_000_000 * n for n in range(10)]
    reject_optional_fields(tiktok, times, "invalid_params", 400)
    read = [{"start": str(times[n] - 10), "end": str(times[n] + 10)} for n in range(1, 10, 2)]
    cursor = {"state_type": "date-range", "slices": read}
    state = {"states": [{"partition": {"open_id": "_000account"}, "cursor": cursor}]}

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos", state=state)

    assert (outcome.errors, outcome.warnings) == ([], [FIELD_REFUSED])
    assert sorted((v["create_time"] for v in outcome.records("videos")), reverse=True) == times[::2]


def test_rejection_without_optional_field_is_an_error(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(error_response("invalid_params", 400))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert [failure for failure, _ in outcome.errors[:-1]] == ["system_error"]
    assert [query["fields"] for query in tiktok.queries("videos")] == [FIELDS["videos"], KNOWN_FIELDS]
    assert outcome.warnings == []


def test_deselected_optional_field_causes_no_retry(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(error_response("invalid_params", 400))
    connector.read(ACCESS_TOKEN_CONFIG, "videos", columns={"videos": ["title"]})
    assert [query["fields"] for query in tiktok.queries("videos")] == ["id,create_time,title"]


@pytest.mark.parametrize("code", ["internal_error", "rate_limit_exceeded", "access_token_invalid"])
def test_other_errors_leave_the_optional_field_alone(code: str, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(error_response(code, 400), page([], False))
    outcome = connector.read(OAUTH_CONFIG, "videos")
    assert [query["fields"] for query in tiktok.queries("videos")] == [FIELDS["videos"]] * 2
    assert (outcome.errors, outcome.warnings) == ([], [])


def test_missing_scope_keeps_the_optional_fields(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(error_response("scope_not_authorized", 401), page([], False))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert [failure for failure, _ in outcome.errors[:-1]] == ["config_error"]
    assert [query["fields"] for query in tiktok.queries("videos")] == [FIELDS["videos"]]


@pytest.mark.parametrize("code", ["invalid_params", "never_heard_of"])
def test_rejected_video_count_drops_no_column(code: str, tiktok: TikTok, connector: Connector) -> None:
    """The parent of `videos` requests it to save requests, so its rejection causes no warning."""
    tiktok.with_videos(1_700_000_000)
    tiktok.responds("user", error_response(code, 400), ok_response({"user": {"open_id": "_000account"}}))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert [query["fields"] for query in tiktok.queries("user")] == ["open_id,video_count", "open_id"]
    assert (len(outcome.records("videos")), outcome.errors, outcome.warnings) == (1, [], [])


def test_check_continues_without_the_rejected_field(tiktok: TikTok, connector: Connector) -> None:
    reject_optional_fields(tiktok, [1_700_000_000], "invalid_params", 400)
    outcome = connector.check(ACCESS_TOKEN_CONFIG)
    assert outcome.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert outcome.warnings == [FIELD_REFUSED]
    assert [query["fields"] for query in tiktok.queries("videos")] == [FIELDS["videos"], KNOWN_FIELDS]
