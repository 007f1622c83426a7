"""`make live` detects a sandbox's switches, and no transient fault changes its report.

Each entry of VARIANTS (switches) and FAULTS is one run of all probes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests_mock

from integration_tests.acceptance import NOW
from integration_tests.live import LiveError, probes
from integration_tests.live.api import BUDGET, BudgetSpentError, Reply
from integration_tests.live.ask_profile import encoded_commas
from integration_tests.live.probe import NotSeenError, ask_all, expected
from integration_tests.live_runs import QUICK, ProbeRun
from sandbox import Sandbox
from sandbox.facts import AUTHORIZE_PATH, DATA_PATHS, TOKEN_PATH, USER_INFO_PATH, VIDEO_LIST_PATH
from sandbox.faults import CORRUPT, TRANSIENT, names_for
from sandbox.rules import RULES
from sandbox.settings import CURSOR_FORMS

BASIC = ("user.info.basic",)
# Probes that have no result on the default account, or run only on demand.
PINS = {"pinned", "pinned_places", "pinned_order"}
NEVER_SEEN = {"empty_account", "missing_scope", "scope_data", "limit_met", *PINS}
ON_DEMAND = {"rate_limit", "refused_count", "lock", "old_token", "survival", "prolonging"}
OF_LISTS = {
    *("order", "full_pages", "cursor_edge", "cursor_form", "cursor_moves", "seconds", "any_cursor", "zero_cursor"),
    *("last_page", "after_the_end", "cursor_in_query", "default_size", "ids", "id_time", "photos", "captions"),
    *("video_nulls", "missing_counts"),
}
A_YEAR = 365 * 86_400
# By kind: the switches that are set, and the probes whose findings differ from a default sandbox.
PAGES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "inclusive": ({"cursor_inclusive": True}, {"cursor_edge"}),
    "short": ({"short_pages": True}, {"full_pages"}),
    "empty": ({"empty_pages": True}, {"full_pages"}),
    "empty_first": ({"empty_first_page": True}, {"full_pages"}),
    "split": ({"split_seconds": True}, {"seconds", "video_count"}),
    "stuck": ({"stuck_cursor": True}, {"cursor_moves"}),
    "no_cursor": ({"gone_without_cursor": True}, {"cursor_moves"}),
    "many": (
        {"cursor_inclusive": True, "cursor_milliseconds": True, "short_pages": True, "ids_as_numbers": True},
        {"cursor_edge", "cursor_form", "full_pages", "ids"},
    ),
}
CURSORS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "milliseconds": ({"cursor_milliseconds": True}, {"cursor_form"}),
    **{form: ({"cursor_form": form}, {"cursor_form"}) for form in CURSOR_FORMS if form != "number"},
}
VALUES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "numbers": ({"ids_as_numbers": True}, {"ids"}),
    "id_lag": ({"id_lag": True}, {"id_time"}),
    "missing_counts": ({"missing_counts": 0.25}, {"missing_counts"}),
}
TOKENS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "echo": ({"rotate_refresh_tokens": False}, {"rotation"}),
    "day": ({"access_token_lifetime": 86_400}, {"access_token_lifetime"}),
    "year": ({"refresh_token_lifetime": A_YEAR}, {"refresh_token_lifetime"}),
}
ERRORS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "token_200": ({"token_error_status": 200}, {"token_error"}),
    "data_200": ({"data_error_status": 200}, {"error_statuses"}),
    "is_aigc": ({"refused_fields": ("is_aigc",)}, {"video_fields"}),
    "two_fields": ({"refused_fields": ("username", "title")}, {"user_fields", "video_fields"}),
    "commas": ({"refuse_encoded_commas": True}, {"encoded_commas"}),
}
VARIANTS = {"none": ({}, set()), **PAGES, **CURSORS, **VALUES, **TOKENS, **ERRORS}
# Faults that a retry gets past. `rate_limited` is reported, and changes nothing else.
FAULTS = (*TRANSIENT, *CORRUPT, "token_expired", "without_id", "invalid_utf8")
TOKEN_FAULTS = ("html_502", "empty_200", "reset_before", "token_limited", "token_500", "temporarily_unavailable")


@pytest.fixture
def start() -> Iterator[Any]:
    """Starts a sandbox with an account that is the same in each run; the probes break rules on purpose."""
    started: list[Sandbox] = []

    def start(**settings: Any) -> Sandbox:
        started.append(Sandbox(**{"now": NOW, **settings}))
        started[-1].start()
        return started[-1]

    yield start
    for sandbox in started:
        sandbox.stop()


@pytest.mark.parametrize("name", VARIANTS)
def test_probes_detect_each_switch(name: str, start: Any) -> None:
    switches, differing = VARIANTS[name]

    probe_run = ProbeRun(start(**switches)).run()

    assert (probe_run.switches, probe_run.differing) == (switches, differing)
    assert probe_run.not_seen >= NEVER_SEEN | ON_DEMAND


def test_default_account_answers_most_probes(start: Any) -> None:
    sandbox = start()

    probe_run = ProbeRun(sandbox).run()

    assert probe_run.not_seen == NEVER_SEEN | ON_DEMAND
    assert {request.path for request in sandbox.requests} == {TOKEN_PATH, AUTHORIZE_PATH, *DATA_PATHS}
    assert len(sandbox.requests_to(TOKEN_PATH)) == 5
    assert probe_run.live.api.used == len(sandbox.requests) < 45


def test_only_eight_requests_break_rules(start: Any) -> None:
    sandbox = start()
    ProbeRun(sandbox).run()
    # JSON, no fields, unknown field, no token, two methods, query, size.
    assert len(sandbox.violations) == 8


def test_rules_name_every_switch_that_a_probe_sets() -> None:
    seen = {name: probe for probe in probes.ALL for name in SET_BY.get(probe.name, ())}
    assert [n for n, probe in seen.items() if probe.rule is None or n not in probe.rule.switches] == []
    asked = {probe.rule.name for probe in probes.ALL if probe.rule and probe.rule.name}
    assert {rule.name for rule in RULES if rule.name} == asked


SET_BY = {name: switches for switches, names in VARIANTS.values() if len(names) == 1 for name in names}


# --- faults ---


@pytest.mark.parametrize("fault", FAULTS)
def test_transient_fault_does_not_change_the_report(fault: str, start: Any) -> None:
    """Every fifth request fails, so that each probe retries once."""
    sandbox = start()
    for path in [path for path in DATA_PATHS if fault in names_for(path)]:
        sandbox.fail_on(path, dict.fromkeys(range(2, BUDGET, 5), fault))

    probe_run = ProbeRun(sandbox).run()

    also_seen = {"limit_met"} if fault == "rate_limited" else set()
    assert (probe_run.switches, probe_run.differing, probe_run.not_seen) == (
        {},
        set(),
        (NEVER_SEEN | ON_DEMAND) - also_seen,
    )
    assert probe_run.live.api.used == len(sandbox.requests) < 70


@pytest.mark.parametrize("fault", TOKEN_FAULTS)
def test_token_endpoint_fault_does_not_change_the_report(fault: str, start: Any) -> None:
    sandbox = start()
    sandbox.fail_on(TOKEN_PATH, dict.fromkeys(range(1, BUDGET, 3), fault))

    probe_run = ProbeRun(sandbox).run()

    assert (probe_run.switches, probe_run.differing, probe_run.not_seen) == ({}, set(), NEVER_SEEN | ON_DEMAND)
    assert len(probe_run.stored_configs) == 1


@pytest.mark.parametrize("fault", ["http_500", "html_502", "empty_200", "reset_before", "rate_limited"])
def test_persistent_list_fault_leaves_probes_not_seen(fault: str, start: Any) -> None:
    sandbox = start()
    sandbox.fail_on(VIDEO_LIST_PATH, dict.fromkeys(range(2, 3 * BUDGET), fault))

    probe_run = ProbeRun(sandbox).run()

    assert (probe_run.switches, probe_run.differing) == ({}, set())
    assert OF_LISTS - {"captions", "photos", "video_nulls"} <= probe_run.not_seen


def test_persistent_404_page_counts_as_a_response(start: Any) -> None:
    """Such as TikTok's own 404 page for an unknown path."""
    sandbox = start()
    probe_run = ProbeRun(sandbox)
    with requests_mock.Mocker(real_http=True) as mocked:
        mocked.post(f"{sandbox.base_url}{USER_INFO_PATH}", status_code=404, text="<html>404</html>")
        probe_run.run()
    found = probe_run.findings["profile_post"]
    assert (found.seen, found.agrees, probe_run.differing) == ("HTTP 404 without a code", True, set())


def test_early_expired_token_is_refreshed(start: Any) -> None:
    sandbox = start()
    probe_run = ProbeRun(sandbox)
    used: list[int] = []

    def revoke(*_: Any) -> None:
        used.append(probe_run.live.api.used)
        if len(used) in (12, 30):
            sandbox.revoke_access_tokens()

    probes.begin(probe_run.live)
    probe_run.live.api.watch = revoke
    probe_run.run()

    assert (probe_run.switches, probe_run.differing, probe_run.not_seen) == ({}, set(), NEVER_SEEN | ON_DEMAND)
    assert [len({config["credentials"]["refresh_token"] for config in probe_run.stored_configs})] == [3]


def test_rejected_new_token_stops_the_run(start: Any) -> None:
    sandbox = start()
    sandbox.fail_on(VIDEO_LIST_PATH, dict.fromkeys(range(3, BUDGET), "token_expired"))
    probe_run = ProbeRun(sandbox)

    with pytest.raises(LiveError, match="rejects a new access token too"):
        probe_run.run()

    assert (probe_run.switches, probe_run.differing, len(probe_run.stored_configs)) == ({}, set(), 2)


def test_expired_access_token_leaves_probes_not_seen(start: Any) -> None:
    sandbox = start()
    probe_run = ProbeRun(sandbox, sandbox.access_token_config())
    probes.begin(probe_run.live)
    assert probe_run.live.listing.complete
    sandbox.revoke_access_tokens()

    ask_all(probe_run.live, QUICK, lambda _: None, lambda entry, found: probe_run.findings.update({entry.name: found}))

    assert (probe_run.switches, probe_run.differing) == ({}, set())
    assert "not seen: the access token has expired" in {found.seen for found in probe_run.findings.values()}


@pytest.mark.parametrize("code", ["access_token_invalid", "scope_not_authorized", "rate_limit_exceeded"])
def test_unrelated_error_code_is_not_seen(code: str) -> None:
    with pytest.raises(NotSeenError):
        expected(Reply(401, {"error": {"code": code}}), "invalid_params")


def test_one_unexpected_status_does_not_hide_a_switch(start: Any) -> None:
    sandbox = start(data_error_status=200)
    sandbox.fail_on(USER_INFO_PATH, {8: "unknown_code"})

    probe_run = ProbeRun(sandbox).run()

    found = probe_run.findings["error_statuses"]
    assert (found.switches, found.differs) == ({"data_error_status": 200}, True)
    assert "`something_new` 400" in found.seen


@pytest.mark.parametrize(
    ("literal", "encoded", "outcome"),
    [
        ("ok", "ok", ({}, False)),
        ("ok", "invalid_params", ({"refuse_encoded_commas": True}, True)),
        ("invalid_params", "ok", ({}, True)),
        ("invalid_params", "invalid_params", None),
        ("ok", "scope_not_authorized", None),
    ],
    ids=["both", "literal_only", "encoded_only", "none", "another_reason"],
)
def test_literal_and_encoded_commas_are_distinguished(literal: str, encoded: str, outcome: Any, start: Any) -> None:
    live = ProbeRun(start()).live
    assert live.tokens.code == "ok"
    replies = {"fields=open_id,union_id": literal, "fields=open_id%2Cunion_id": encoded}
    live.api.send = lambda *_, query, **__: Reply(200, {"error": {"code": replies[query]}})  # type: ignore[method-assign]
    if outcome is None:
        with pytest.raises(NotSeenError):
            encoded_commas(live)
        return
    found = encoded_commas(live)
    assert (found.switches, found.differs) == outcome


def test_consent_page_error_type_is_reported(start: Any) -> None:
    found = ProbeRun(start()).run().findings["error_type"]
    assert (found.seen, found.differs) == ("for an invalid client key: `client_key`", False)


# --- accounts ---


def test_empty_account_leaves_list_probes_not_seen(start: Any) -> None:
    probe_run = ProbeRun(start(videos=0)).run()

    assert (probe_run.switches, probe_run.differing) == ({}, set())
    assert probe_run.not_seen == (NEVER_SEEN - {"empty_account"}) | ON_DEMAND | OF_LISTS


def test_one_video_leaves_edge_and_order_not_seen(start: Any) -> None:
    probe_run = ProbeRun(start(videos=1, seed=1)).run()

    assert (probe_run.switches, probe_run.differing) == ({}, set())
    assert probe_run.not_seen - {"photos", "captions"} == NEVER_SEEN | ON_DEMAND | (
        OF_LISTS
        - {
            "missing_counts",
            "last_page",
            "after_the_end",
            "zero_cursor",
            "ids",
            "id_time",
            "video_nulls",
            "photos",
            "captions",
        }
    )


@pytest.mark.parametrize("settings", [{}, {"cursor_inclusive": True}], ids=["exclusive", "inclusive"])
def test_one_page_shows_the_cursor_edge_by_smaller_pages(settings: dict[str, Any], start: Any) -> None:
    probe_run = ProbeRun(start(videos=5, same_second=1, **settings)).run()

    assert probe_run.switches == settings
    assert "full_pages" in probe_run.not_seen


@pytest.mark.parametrize("counted", [False, True], ids=["in_addition", "counted"])
def test_places_of_pinned_posts_are_detected(counted: bool, start: Any) -> None:
    sandbox = start(pins_counted=counted)
    old, older = sandbox.account.videos[50], sandbox.account.videos[70]
    for video in (older, old):
        sandbox.account.pin(video["id"])

    probe_run = ProbeRun(sandbox).run()

    assert probe_run.switches == ({"pins_counted": True} if counted else {})
    assert probe_run.differing == ({"pinned_places"} if counted else set())
    assert not probe_run.not_seen & PINS


@pytest.mark.parametrize(
    ("every_page", "again", "seen"),
    [
        (False, True, "1 on top of the first page, and at their own position"),
        (False, False, "1 on top of the first page, and not at their own position, in the pages read"),
        (True, True, "1 on top of 6 of 6 pages, and at their own position"),
    ],
    ids=["first_page", "only_there", "every_page"],
)
def test_pinned_posts_out_of_order_are_detected(every_page: bool, again: bool, seen: str, start: Any) -> None:
    sandbox = start()
    sandbox.account.pin(sandbox.account.videos[50]["id"], every_page, listed_again=again)

    probe_run = ProbeRun(sandbox).run()

    assert probe_run.findings["pinned"].seen == seen
    assert probe_run.differing == ({"pinned"} if every_page or not again else set())


@pytest.mark.parametrize(("split", "came"), [(False, 25), (True, 1)], ids=["complete", "split"])
def test_over_20_videos_in_a_second_are_detected(split: bool, came: int, start: Any) -> None:
    probe_run = ProbeRun(start(same_second=25, split_seconds=split)).run()

    found = probe_run.findings["seconds"]
    assert (found.switches, found.seen.partition(" ")[0]) == ({"split_seconds": True} if split else {}, str(came))


# --- authorization ---


@pytest.mark.parametrize("code", ["scope_not_authorized", "scope_permission_missed"])
def test_missing_scopes_are_detected(code: str, start: Any) -> None:
    sandbox = start(scope_error=code)

    probe_run = ProbeRun(sandbox, sandbox.config(scopes=BASIC)).run()

    assert probe_run.switches == ({} if code == "scope_not_authorized" else {"scope_error": code})
    assert probe_run.findings["missing_scope"].seen == (
        f"user.info.profile: HTTP {401 if code == 'scope_not_authorized' else 400} `{code}`"
    )
    assert OF_LISTS | {"video_fields", "video_count", "query", "empty_account"} <= probe_run.not_seen


def test_access_token_alone_answers_data_probes(start: Any) -> None:
    sandbox = start()
    config = sandbox.access_token_config(scopes=("user.info.basic", "video.list"))

    probe_run = ProbeRun(sandbox, config).run()

    of_tokens = {probe.name for probe in probes.ALL if probe.ask.__module__.endswith("ask_tokens")}
    never = {"empty_account", "video_count", "named_scopes", "limit_met", *PINS}
    assert probe_run.not_seen == never | of_tokens | ON_DEMAND
    assert (probe_run.differing, probe_run.stored_configs, sandbox.requests_to(TOKEN_PATH)) == (set(), [], [])


@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
def test_expired_tokens_stop_the_run_at_once(kind: str, start: Any) -> None:
    sandbox = start()
    config = sandbox.config() if kind == "refresh_token" else sandbox.access_token_config()
    sandbox.expire_refresh_tokens()
    sandbox.revoke_access_tokens()
    probe_run = ProbeRun(sandbox, config)

    with pytest.raises(LiveError):
        probe_run.run()

    assert (probe_run.findings, probe_run.stored_configs, probe_run.config, len(sandbox.requests)) == (
        {},
        [],
        config,
        1,
    )


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        ({}, ("no: HTTP 400 `invalid_grant`", "yes: the new one works")),
        ({"refresh_prolongs": True}, ("no: HTTP 400 `invalid_grant`", "yes: the new one works")),
        ({"rotate_refresh_tokens": False}, ("not seen: TikTok returned the same one", "yes: the new one works")),
    ],
    ids=["rotates", "prolongs", "echo"],
)
def test_spend_token_answers_the_probes_of_old_tokens(
    settings: dict[str, Any], seen: tuple[str, str], start: Any
) -> None:
    sandbox = start(**settings)

    probe_run = ProbeRun(sandbox, spend_token=True).run()

    assert (probe_run.findings["old_token"].seen, probe_run.findings["survival"].seen) == seen
    assert probe_run.switches == settings
    assert probe_run.stored_configs[-1] == probe_run.config
    assert [entry.body["refresh_token"] for entry in sandbox.requests_to(TOKEN_PATH)[-1:]] == [
        probe_run.stored_configs[-2]["credentials"]["refresh_token"]
    ]


# --- limits ---


@pytest.mark.parametrize(
    ("settings", "after"),
    [
        ({"rate_limit": 30}, 60),
        ({"rate_limit": 30, "count_refused": True}, 151),  # one and a half windows of requests, and one without any
        ({"rate_limit": 30, "rate_window": 20.0}, 20),
    ],
    ids=["not_counted", "counted", "shorter_window"],
)
def test_rate_limit_is_measured_on_demand(settings: dict[str, Any], after: int, start: Any) -> None:
    probe_run = ProbeRun(start(**settings), limit=True, budget=2 * BUDGET).run()

    burst = probe_run.live.once("burst", pytest.fail)
    assert (burst.accepted, burst.after) == (30, pytest.approx(after, abs=5))
    assert probe_run.switches == {name: pytest.approx(value, abs=5) for name, value in settings.items()}


def test_lock_extended_by_requests_is_detected(start: Any) -> None:
    probe_run = ProbeRun(start(rate_limit=30, rate_lock=300.0), limit=True, budget=2 * BUDGET).run()
    assert probe_run.switches == {"rate_limit": 30, "rate_lock": 60.0}
    assert "rate_lock" in next(entry.rule.switches for entry in QUICK if entry.name == "lock" and entry.rule)

    again = ProbeRun(start(**probe_run.switches), limit=True, budget=2 * BUDGET).run()
    assert (again.switches, again.findings["lock"]) == (probe_run.switches, probe_run.findings["lock"])


def test_unexpected_rate_limit_is_reported(start: Any) -> None:
    sandbox = start(rate_limit=7)

    probe_run = ProbeRun(sandbox).run()

    assert (probe_run.differing, probe_run.not_seen) == (set(), (NEVER_SEEN | ON_DEMAND) - {"limit_met"})
    assert probe_run.live.api.rejected == [request.status for request in sandbox.requests].count(429) > 0
    assert (
        "`/v2/user/info/` rejected a request after accepting 7 in the last minute, 7 in total; it accepted "
        "the next 61 s later (1 rejected); rate limit headers: none"
    ) in probe_run.findings["limit_met"].seen


def test_budget_stops_the_run(start: Any) -> None:
    sandbox = start()
    probe_run = ProbeRun(sandbox, budget=20)

    with pytest.raises(BudgetSpentError):
        probe_run.run()

    assert len(sandbox.requests) == 20
    assert 10 < len(probe_run.findings) < 30
    assert list(probe_run.findings) == [entry.name for entry in QUICK][: len(probe_run.findings)]
