"""`tiktok-organic-sign-in`: only the response to this attempt is accepted, whatever else reaches the listener."""

import html
from typing import Any

import pytest

from unit_tests.sign_in.person import CODE, CREDENTIALS, Person, failure
from unit_tests.sign_in.test_failures import NOT_A_TARGET_USER, OTHER

IGNORED = "The command ignores this response, as its state is missing or differs, and goes on waiting."
HINT = "A response without this attempt's state came, and was ignored. If TikTok's page led to it: "


def test_other_requests_are_ignored_while_waiting(run: Any, person: Person) -> None:
    person.before = ["/favicon.ico", "/", "/callback", "/callback/x", f"/other/?code={CODE}"]
    result = run()
    assert [status for status, _ in person.pages] == [404, 404, 404, 404, 404, 200]
    assert (result.exit_code, "Go back to the terminal" in person.pages[-1][1]) == (0, True)


FOREIGN = {
    "wrong state": f"code={CODE}&state=another",
    "no state": f"code={CODE}",
    "non-ASCII state": "code=1&state=%C3%A4",
    "error with a wrong state": "error=access_denied&error_description=Call+us&state=another",
}


@pytest.mark.parametrize("query", FOREIGN.values(), ids=FOREIGN)
def test_foreign_callback_is_ignored_while_waiting(query: str, run: Any, person: Person, tiktok: Any) -> None:
    person.before = [f"/callback/?{query}"]
    result = run()
    (status, page), (last, _) = person.pages
    assert (status, IGNORED in page, last) == (400, True, 200)
    assert (result.exit_code, result.err, result.config) == (0, "", {"credentials": CREDENTIALS})
    assert ("ignored" in result.out, "Call us" in result.out + page) == (False, False)
    assert "code=c0de%2A0%211234.va%252A&" in tiktok.request_history[0].text


def test_foreign_callback_alone_times_out(run: Any, person: Person) -> None:
    person.before, person.answer = ["/callback/?code=1&state=another"], None
    assert "No response within 0.5 s." in failure(run("--timeout", "0.5"))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("error=access_denied&error_type=non_sandbox_target&error_description=Call+us", NOT_A_TARGET_USER),
        ("error=Call+us&error_type=Call+us&log_id=Call+us", OTHER),
    ],
)
def test_error_without_state_only_prints_a_hint(query: str, message: str, run: Any, person: Person) -> None:
    """TikTok may omit the state in errors, and any page can send an error."""
    person.before = [f"/callback/?{query}"] * 2
    result = run()
    assert (result.exit_code, result.out.count(f"{HINT}{message}\n")) == (0, 1)
    assert (person.pages[0][0], f"{message} {IGNORED}" in html.unescape(person.pages[0][1])) == (400, True)
    assert "Call us" not in result.out + person.pages[0][1]


OTHER_REQUESTS = {
    "embedded as a picture": {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    "embedded as a frame": {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    "another host name": {"Host": "tiktok.example:80"},
}


@pytest.mark.parametrize("headers", OTHER_REQUESTS.values(), ids=OTHER_REQUESTS)
def test_only_navigation_to_this_address_is_handled(headers: dict[str, str], run: Any, person: Person) -> None:
    person.before, person.headers = ["/callback/?error=access_denied"], headers
    result = run()
    assert ([status for status, _ in person.pages], result.exit_code) == ([404, 200], 0)
    assert "ignored" not in result.out


def test_browser_navigation_is_handled(run: Any, person: Person) -> None:
    person.before = ["/callback/?error=access_denied"]
    person.headers = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "cross-site"}
    assert HINT in run().out
    assert [status for status, _ in person.pages] == [400, 200]
