"""Selected columns: these and the keys are requested from TikTok, and nothing else; and a field that it refuses."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from unit_tests.connector import Connector
from unit_tests.outcome import FIELD_REFUSED
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, TikTok, page, refused, video


def refuse_is_aigc(tiktok: TikTok, code: str, times: list[int]) -> None:
    """Prepare an account whose videos cannot be read with `is_aigc`."""
    tiktok.with_videos(*times)

    def respond(request: Any, context: Any) -> Any:
        if "is_aigc" in urlsplit(request.url).query:
            context.status_code = 400
            return refused(code, 400)["json"]
        found = [t for t in times if t * 1000 < request.json().get("cursor", 10**16)]
        return page([video(t) for t in found[:20]], has_more=len(found) > 20)["json"]

    tiktok.responds("videos", {"json": respond})


def test_only_selected_columns_and_keys_are_requested(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()

    connector.read(
        ACCESS_TOKEN_CONFIG, columns={"user_info": ["username", "follower_count"], "videos": ["view_count", "open_id"]}
    )

    asked = sorted(q["fields"] for q in tiktok.queries("user"))
    assert asked == ["open_id,username,follower_count", "open_id,video_count"]
    assert [q["fields"] for q in tiktok.queries("videos")] == ["id,create_time,view_count"]


def test_videos_alone_need_the_account_and_a_count(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert [q["fields"] for q in tiktok.queries("user")] == ["open_id,video_count"]
    assert outcome.records("user_info") == []


def test_check_requests_every_profile_field(tiktok: TikTok, connector: Connector) -> None:
    """A check with fewer fields than the sync would not notice a permission that the sync needs."""
    tiktok.with_an_account()
    connector.check(ACCESS_TOKEN_CONFIG)
    assert [len(q["fields"].split(",")) for q in tiktok.queries("user")] == [14]
    assert tiktok.requests("videos") == []


def test_fields_are_in_the_query_and_not_in_the_body(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    connector.read(ACCESS_TOKEN_CONFIG)
    assert set(tiktok.queries("videos")[0]) == {"fields"}
    assert set(tiktok.bodies()[0]) == {"max_count"}


def test_commas_of_fields_are_literal(tiktok: TikTok, connector: Connector) -> None:
    """Nobody is known to have sent this endpoint `%2C`, which the CDK makes of a comma in a parameter."""
    tiktok.with_an_account()
    connector.read(ACCESS_TOKEN_CONFIG, columns={"user_info": ["username"], "videos": ["title", "view_count"]})
    urls = {r.url for endpoint in ("user", "videos") for r in tiktok.requests(endpoint)}
    assert urls == {
        "https://open.tiktokapis.com/v2/user/info/?fields=open_id,video_count",
        "https://open.tiktokapis.com/v2/user/info/?fields=open_id,username",
        "https://open.tiktokapis.com/v2/video/list/?fields=id,create_time,title,view_count",
    }


@pytest.mark.parametrize("code", ["invalid_params", "never_heard_of"])
@pytest.mark.parametrize("pages", [1, 3, 20])
def test_refused_optional_field_costs_itself_only(pages: int, code: str, tiktok: TikTok, connector: Connector) -> None:
    times = [1_700_000_000 - n for n in range(20 * pages)]
    refuse_is_aigc(tiktok, code, times)

    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": "2023-11-14", "num_workers": 2}, "videos")

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [FIELD_REFUSED])
    assert sorted((v["create_time"] for v in outcome.records("videos")), reverse=True) == times
    with_it = ["is_aigc" in query["fields"] for query in tiktok.queries("videos")]
    assert with_it == [True] + [False] * (len(with_it) - 1)
    assert len({query["fields"] for query in tiktok.queries("videos")[1:]}) == 1


def test_refusal_without_optional_field_stays_an_error(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(refused("invalid_params", 400))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert [failure for failure, _ in outcome.errors[:-1]] == ["system_error"]
    assert ["is_aigc" in query["fields"] for query in tiktok.queries("videos")] == [True, False]
    assert outcome.warnings == []


def test_unselected_optional_field_is_not_retried_without(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(refused("invalid_params", 400))
    connector.read(ACCESS_TOKEN_CONFIG, "videos", columns={"videos": ["title"]})
    assert [query["fields"] for query in tiktok.queries("videos")] == ["id,create_time,title"]


@pytest.mark.parametrize("code", ["scope_not_authorized", "internal_error", "rate_limit_exceeded"])
def test_other_errors_leave_the_optional_field_alone(code: str, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(refused(code, 400), page([], False))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert {"is_aigc" in query["fields"] for query in tiktok.queries("videos")} == {True}
    assert outcome.warnings == []
