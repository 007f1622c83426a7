"""`make live` sees which way a sandbox's switches are turned, and says "not seen" where an account cannot show it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integration_tests.acceptance import NOW
from integration_tests.live import LiveError, probes
from integration_tests.live.api import BUDGET, BudgetSpentError
from integration_tests.probed import QUICK, Probed
from sandbox import Sandbox
from sandbox.facts import DATA_PATHS, TOKEN_PATH
from sandbox.rules import RULES

BASIC = ("user.info.basic",)
# What the default account cannot show, or what is asked only on demand.
NEVER_SEEN = {"empty_account", "pinned", "missing_scope", "scope_data"}
ON_DEMAND = {"rate_limit", "refused_count", "lock", "old_token", "survival", "prolonging"}
OF_LISTS = {
    *("order", "full_pages", "cursor_edge", "cursor_form", "cursor_moves", "seconds", "any_cursor", "zero_cursor"),
    *("last_page", "after_the_end", "cursor_in_query", "default_size", "ids", "id_time", "photos", "captions"),
    "video_nulls",
}
A_YEAR = 365 * 86_400
# Switches that are turned, and the probes that see something else than in a default sandbox.
TURNED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "none": ({}, set()),
    "inclusive": ({"cursor_inclusive": True}, {"cursor_edge"}),
    "milliseconds": ({"cursor_milliseconds": True}, {"cursor_form"}),
    "short": ({"short_pages": True}, {"full_pages"}),
    "empty": ({"empty_pages": True}, {"full_pages"}),
    "split": ({"split_seconds": True}, {"seconds", "video_count"}),
    "stuck": ({"stuck_cursor": True}, {"cursor_moves"}),
    "no_cursor": ({"gone_without_cursor": True}, {"cursor_moves"}),
    "numbers": ({"ids_as_numbers": True}, {"ids"}),
    "id_lag": ({"id_lag": True}, {"id_time"}),
    "echo": ({"rotate_refresh_tokens": False}, {"rotation"}),
    "day": ({"access_token_lifetime": 86_400}, {"access_token_lifetime"}),
    "year": ({"refresh_token_lifetime": A_YEAR}, {"refresh_token_lifetime"}),
    "token_200": ({"token_error_status": 200}, {"token_error"}),
    "data_200": ({"data_error_status": 200}, {"error_statuses"}),
    "is_aigc": ({"refused_fields": ("is_aigc",)}, {"video_fields"}),
    "two_fields": ({"refused_fields": ("username", "title")}, {"user_fields", "video_fields"}),
    "commas": ({"refuse_encoded_commas": True}, {"encoded_commas"}),
    "many": (
        {"cursor_inclusive": True, "cursor_milliseconds": True, "short_pages": True, "ids_as_numbers": True},
        {"cursor_edge", "cursor_form", "full_pages", "ids"},
    ),
}


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


@pytest.mark.parametrize("name", TURNED)
def test_the_probes_see_each_switch(name: str, start: Any) -> None:
    switches, differing = TURNED[name]

    probed = Probed(start(**switches)).run()

    assert (probed.switches, probed.differing) == (switches, differing)
    assert probed.not_seen >= NEVER_SEEN | ON_DEMAND


def test_a_default_account_shows_all_but_a_few(start: Any) -> None:
    sandbox = start()

    probed = Probed(sandbox).run()

    assert probed.not_seen == NEVER_SEEN | ON_DEMAND
    assert {request.path for request in sandbox.requests} == {TOKEN_PATH, *DATA_PATHS}
    assert len(sandbox.requests_to(TOKEN_PATH)) == 5
    assert probed.live.api.used == len(sandbox.requests) < 40


def test_what_breaks_a_rule_is_meant_to(start: Any) -> None:
    sandbox = start()
    Probed(sandbox).run()
    assert len(sandbox.violations) == 7  # JSON, no fields, unknown field, no token, method, query, size


def test_a_rule_names_every_switch_that_a_probe_sets() -> None:
    seen = {name: probe for probe in probes.ALL for name in TURNED_BY.get(probe.name, ())}
    assert [n for n, probe in seen.items() if probe.rule is None or n not in probe.rule.switches] == []
    assert {rule.name for rule in RULES if rule.name} == {probe.rule.name for probe in probes.ALL if probe.rule}


TURNED_BY = {name: switches for switches, names in TURNED.values() if len(names) == 1 for name in names}


# --- accounts ---


def test_an_empty_account_shows_how_it_looks(start: Any) -> None:
    probed = Probed(start(videos=0)).run()

    assert (probed.switches, probed.differing) == ({}, set())
    assert probed.not_seen == (NEVER_SEEN - {"empty_account"}) | ON_DEMAND | OF_LISTS


def test_one_video_shows_no_edge_and_no_order(start: Any) -> None:
    probed = Probed(start(videos=1, seed=1)).run()

    assert (probed.switches, probed.differing) == ({}, set())
    assert probed.not_seen - {"photos", "captions"} == NEVER_SEEN | ON_DEMAND | (
        OF_LISTS - {"last_page", "after_the_end", "zero_cursor", "ids", "id_time", "video_nulls", "photos", "captions"}
    )


@pytest.mark.parametrize("settings", [{}, {"cursor_inclusive": True}], ids=["exclusive", "inclusive"])
def test_one_page_shows_its_edge_by_smaller_ones(settings: dict[str, Any], start: Any) -> None:
    probed = Probed(start(videos=5, same_second=1, **settings)).run()

    assert probed.switches == settings
    assert "full_pages" in probed.not_seen


@pytest.mark.parametrize(
    ("every_page", "again", "seen"),
    [
        (False, True, "1 on top of the first page, besides their own place"),
        (False, False, "1 on top of the first page, and not in their own place, as far as was read"),
        (True, True, "1 on top of 6 of 6 pages, besides their own place"),
    ],
    ids=["first_page", "only_there", "every_page"],
)
def test_pinned_posts_out_of_order_are_seen(every_page: bool, again: bool, seen: str, start: Any) -> None:
    sandbox = start()
    sandbox.account.pin(sandbox.account.videos[50]["id"], every_page, listed_again=again)

    probed = Probed(sandbox).run()

    assert probed.findings["pinned"].seen == seen
    assert probed.differing == ({"pinned"} if every_page or not again else set())


@pytest.mark.parametrize(("split", "came"), [(False, 25), (True, 1)], ids=["whole", "split"])
def test_over_20_videos_in_a_second_are_seen(split: bool, came: int, start: Any) -> None:
    probed = Probed(start(same_second=25, split_seconds=split)).run()

    found = probed.findings["seconds"]
    assert (found.switches, found.seen.partition(" ")[0]) == ({"split_seconds": True} if split else {}, str(came))


# --- sign-in ---


@pytest.mark.parametrize("code", ["scope_not_authorized", "scope_permission_missed"])
def test_missing_scopes_are_seen(code: str, start: Any) -> None:
    sandbox = start(scope_error=code)

    probed = Probed(sandbox, sandbox.config(scopes=BASIC)).run()

    assert probed.switches == ({} if code == "scope_not_authorized" else {"scope_error": code})
    assert probed.findings["missing_scope"].seen == (
        f"user.info.profile: HTTP {401 if code == 'scope_not_authorized' else 400} `{code}`"
    )
    assert OF_LISTS | {"video_fields", "video_count", "query", "empty_account"} <= probed.not_seen


def test_an_access_token_alone_shows_the_data(start: Any) -> None:
    sandbox = start()
    config = sandbox.access_token_config(scopes=("user.info.basic", "video.list"))

    probed = Probed(sandbox, config).run()

    of_tokens = {probe.name for probe in probes.ALL if probe.ask.__module__.endswith("ask_tokens")}
    assert probed.not_seen == {"empty_account", "pinned", "video_count"} | of_tokens | ON_DEMAND
    assert (probed.differing, probed.kept, sandbox.requests_to(TOKEN_PATH)) == (set(), [], [])


@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
def test_expired_tokens_end_the_run_at_once(kind: str, start: Any) -> None:
    sandbox = start()
    config = sandbox.config() if kind == "refresh_token" else sandbox.access_token_config()
    sandbox.expire_refresh_tokens()
    sandbox.revoke_access_tokens()
    probed = Probed(sandbox, config)

    with pytest.raises(LiveError):
        probed.run()

    assert (probed.findings, probed.kept, probed.config, len(sandbox.requests)) == ({}, [], config, 1)


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        ({}, ("no: HTTP 400 `invalid_grant`", "yes: the new one was renewed")),
        ({"refresh_prolongs": True}, ("no: HTTP 400 `invalid_grant`", "yes: the new one was renewed")),
        ({"rotate_refresh_tokens": False}, ("not seen: the same one came back", "yes: the new one was renewed")),
    ],
    ids=["rotates", "prolongs", "echo"],
)
def test_spent_tokens_show_the_rest(settings: dict[str, Any], seen: tuple[str, str], start: Any) -> None:
    sandbox = start(**settings)

    probed = Probed(sandbox, spend_token=True).run()

    assert (probed.findings["old_token"].seen, probed.findings["survival"].seen) == seen
    assert probed.switches == settings
    assert probed.kept[-1] == probed.config
    assert [entry.body["refresh_token"] for entry in sandbox.requests_to(TOKEN_PATH)[-1:]] == [
        probed.kept[-2]["credentials"]["refresh_token"]
    ]


# --- limits ---


@pytest.mark.parametrize(
    ("settings", "after"),
    [
        ({"rate_limit": 30}, 60),
        ({"rate_limit": 30, "count_refused": True}, 151),  # one and a half windows of asking on, and one of quiet
        ({"rate_limit": 30, "rate_window": 20.0}, 20),
    ],
    ids=["not_counted", "counted", "shorter_window"],
)
def test_a_limit_is_measured_on_demand(settings: dict[str, Any], after: int, start: Any) -> None:
    probed = Probed(start(**settings), limit=True, budget=2 * BUDGET).run()

    burst = probed.live.once("burst", pytest.fail)
    assert (burst.admitted, burst.after) == (30, pytest.approx(after, abs=5))
    assert probed.switches == {name: pytest.approx(value, abs=5) for name, value in settings.items()}


def test_a_lock_that_asking_prolongs_is_seen(start: Any) -> None:
    probed = Probed(start(rate_limit=30, rate_lock=300.0), limit=True, budget=2 * BUDGET).run()
    assert probed.switches == {"rate_limit": 30, "rate_lock": 60.0}
    assert "rate_lock" in next(entry.rule.switches for entry in QUICK if entry.name == "lock" and entry.rule)

    again = Probed(start(**probed.switches), limit=True, budget=2 * BUDGET).run()
    assert (again.switches, again.findings["lock"]) == (probed.switches, probed.findings["lock"])


def test_a_limit_met_by_the_way_loses_nothing(start: Any) -> None:
    sandbox = start(rate_limit=7)

    probed = Probed(sandbox).run()

    assert (probed.differing, probed.not_seen) == (set(), NEVER_SEEN | ON_DEMAND)
    assert probed.live.api.refused == [request.status for request in sandbox.requests].count(429) > 0


def test_the_budget_ends_the_run(start: Any) -> None:
    sandbox = start()
    probed = Probed(sandbox, budget=20)

    with pytest.raises(BudgetSpentError):
        probed.run()

    assert len(sandbox.requests) == 20
    assert 10 < len(probed.findings) < 30
    assert list(probed.findings) == [entry.name for entry in QUICK][: len(probed.findings)]
