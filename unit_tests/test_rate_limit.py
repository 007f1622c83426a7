"""TikTok's rate limit: after a 429, the stream waits, sends one request at a time, and loses no record."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from source_tiktok_organic import requester
from source_tiktok_organic.config import load_manifest
from source_tiktok_organic.cursor import AccountCursor
from source_tiktok_organic.requester import RateLimit
from source_tiktok_organic.responses import RateLimitedError
from unit_tests.command_result import Outcome
from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, USER, TikTok, error_response, ok_response, page, video

DEFINITIONS = load_manifest()["definitions"]
WAITS = [61, 122, 122, 122, 122, 122]
WAITS_IN_CHECK = [10, 20, 20]
FULL_WIDTH_AFTER = 122
(EXCEEDED,) = (
    ("transient_error", response_filter["error_message"])
    for response_filter in DEFINITIONS["error_handler"]["response_filters"]
    if response_filter["action"] == "RATE_LIMITED"
)
SLOWING_DOWN = "Rate-limited by TikTok; slowing down."
TIMES = [1_793_000_000 - 40_000 * n for n in range(400)]


def steps(waits: Sequence[float]) -> list[float]:
    """The steps of these waits, short enough to log progress."""
    return [min(30, wait - slept) for wait in waits for slept in range(0, int(wait), 30)]


def wait_lines(waits: Sequence[float]) -> list[str]:
    return [
        f"Waiting for TikTok's rate limit; the next request follows in {wait - slept} s."
        for wait in waits
        for slept in range(0, int(wait), 30)
    ]


def limit_lines(outcome: Outcome) -> list[str]:
    return [line for line in outcome.logs.splitlines() if line.startswith(("Rate-limited", "Waiting for"))]


def read_all(connector: Connector, workers: int) -> Outcome:
    return connector.read({**ACCESS_TOKEN_CONFIG, "start_date": "2026-04-01", "num_workers": workers}, "videos")


# --- how long a stream waits ---


@pytest.mark.parametrize("status", [200, 429, 503])
@pytest.mark.parametrize("rejections", range(1, 7))
def test_waits_grow_with_consecutive_429s(
    rejections: int, status: int, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.with_an_account(
        *[error_response("rate_limit_exceeded", status)] * rejections, page([video(TIMES[0])], False)
    )

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert waits == steps(WAITS[:rejections])
    assert limit_lines(outcome) == [SLOWING_DOWN, *wait_lines(WAITS[:rejections])]
    assert [record["create_time"] for record in outcome.records("videos")] == [TIMES[0]]
    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert len(tiktok.requests("videos")) == rejections + 1


@pytest.mark.parametrize("status", [200, 429, 503])
@pytest.mark.parametrize("endpoint", ["user", "videos"])
def test_stream_gives_up_after_the_last_wait(
    endpoint: str, status: int, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.with_an_account().responds(endpoint, error_response("rate_limit_exceeded", status))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "user_info" if endpoint == "user" else "videos")

    assert waits == steps(WAITS)
    assert (outcome.exit_code, outcome.errors[:-1], outcome.of("RECORD")) == (1, [EXCEEDED], [])
    assert limit_lines(outcome) == [SLOWING_DOWN, *wait_lines(WAITS)]
    assert len(tiktok.requests(endpoint)) == 7


def test_accepted_request_resets_the_waits(tiktok: TikTok, connector: Connector, waits: list[float]) -> None:
    limited = error_response("rate_limit_exceeded", 429)
    pages = [page([video(time)], time != TIMES[2]) for time in TIMES[:3]]
    tiktok.with_an_account(pages[0], limited, limited, pages[1], limited, pages[2])

    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": "2026-10-20"}, "videos")

    assert waits == steps([61, 122, 61])
    assert limit_lines(outcome) == [SLOWING_DOWN, *wait_lines([61, 122, 61])]
    assert [record["create_time"] for record in outcome.records("videos")] == TIMES[:3]
    assert outcome.errors == []
    before = [None, *((time + 1) * 1000 for time in TIMES[:2])]
    assert [body.get("cursor") for body in tiktok.bodies()] == [before[0], *[before[1]] * 3, *[before[2]] * 2]


@pytest.mark.parametrize("stream", ["user_info", "videos"])
def test_user_info_waits_out_rate_limit(stream: str, tiktok: TikTok, connector: Connector, waits: list[float]) -> None:
    """For its own stream, and for `videos`, which needs the account."""
    tiktok.with_videos(*TIMES[:3])
    tiktok.responds("user", *[error_response("rate_limit_exceeded", 429)] * 2, ok_response({"user": USER}))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, stream)
    assert waits == steps([61, 122])
    assert (outcome.errors, len(outcome.records(stream))) == ([], 1 if stream == "user_info" else 3)


@pytest.mark.parametrize("endpoint", ["user", "videos"])
@pytest.mark.parametrize("rejections", [1, 3])
def test_check_waits_for_less_than_a_minute(
    rejections: int, endpoint: str, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    accepted = ok_response({"user": USER}) if endpoint == "user" else page([], False)
    tiktok.with_an_account().responds(endpoint, *[error_response("rate_limit_exceeded", 429)] * rejections, accepted)
    outcome = connector.check(ACCESS_TOKEN_CONFIG)
    assert outcome.of("CONNECTION_STATUS")[0]["status"] == "SUCCEEDED"
    assert waits == WAITS_IN_CHECK[:rejections]
    assert len(tiktok.requests(endpoint)) == rejections + 1


@pytest.mark.parametrize("endpoint", ["user", "videos"])
def test_check_fails_after_its_last_wait(
    endpoint: str, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.with_an_account().responds(endpoint, error_response("rate_limit_exceeded", 429))
    outcome = connector.check(ACCESS_TOKEN_CONFIG)
    assert outcome.of("CONNECTION_STATUS") == [{"status": "FAILED", "message": EXCEEDED[1]}]
    assert (waits, len(tiktok.requests(endpoint))) == (WAITS_IN_CHECK, 4)


def test_state_is_emitted_before_a_wait(
    tiktok: TikTok, connector: Connector, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync that waits for minutes may be stopped meanwhile."""
    emitted: list[tuple[int, float]] = []
    expect_pause = AccountCursor.expect_pause

    def note(cursor: AccountCursor) -> None:
        emitted.append((len(tiktok.bodies()), sum(waits)))
        expect_pause(cursor)

    monkeypatch.setattr(AccountCursor, "expect_pause", note)
    limited = error_response("rate_limit_exceeded", 429)
    pages = [page([video(time)], time != TIMES[1]) for time in TIMES[:2]]
    tiktok.with_an_account(pages[0], limited, limited, error_response("internal_error", 500), pages[1])
    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": "2026-10-20"}, "videos")
    assert outcome.errors == []
    assert emitted == [(2, 0), (3, 61)]


# --- what several workers do ---


def sliding_window(tiktok: TikTok, limit: int, status: int) -> list[bool]:
    """Respond with the videos of TIMES, up to `limit` times a minute; returns which list requests were accepted."""
    listed = tiktok.with_videos(*TIMES).listed
    accepted: list[float] = []
    verdicts: list[bool] = []
    lock = threading.Lock()

    def respond(request: Any, context: Any) -> Any:
        with lock:
            now = time.monotonic()
            is_accepted = sum(1 for then in accepted if then > now - 60) < limit
            verdicts.append(is_accepted)
            if is_accepted:
                accepted.append(now)
        if not is_accepted:
            context.status_code = status
            return error_response("rate_limit_exceeded", status)["json"]
        return listed.respond(request, context)

    tiktok.responds("videos", {"json": respond})
    return verdicts


@pytest.mark.thorough
@pytest.mark.parametrize("status", [200, 429, 503])
@pytest.mark.parametrize(("limit", "workers"), [(1, 2), (5, 2), (30, 2), (5, 20), (30, 20), (30, 30)])
def test_no_rate_limit_loses_a_video(
    limit: int, workers: int, status: int, tiktok: TikTok, connector: Connector
) -> None:
    verdicts = sliding_window(tiktok, limit, status)

    outcome = read_all(connector, workers)

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert sorted(record["create_time"] for record in outcome.records("videos")) == sorted(TIMES)
    accepted = [body.get("cursor") for body, was in zip(tiktok.bodies(), verdicts, strict=True) if was]
    assert len(accepted) == len({*accepted})
    # Each worker gets at most one 429, and then one of them after each full window.
    assert verdicts.count(False) <= workers + len(accepted) / limit
    assert outcome.logs.count(SLOWING_DOWN) <= 1


def test_many_workers_429s_cause_one_wait(tiktok: TikTok, connector: Connector, waits: list[float]) -> None:
    """Ten windows are read by ten workers, and all requests before the wait get a 429."""
    listed = tiktok.with_videos(*TIMES[1:20:2]).listed

    def respond(request: Any, context: Any) -> Any:
        if not waits:
            context.status_code = 429
            return error_response("rate_limit_exceeded", 429)["json"]
        return listed.respond(request, context)

    tiktok.responds("videos", {"json": respond})

    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "num_workers": 12}, "videos", state=ten_windows())

    assert waits == steps([61])
    assert sorted(limit_lines(outcome)) == sorted([SLOWING_DOWN, *wait_lines([61])])
    assert sorted(record["create_time"] for record in outcome.records("videos")) == sorted(TIMES[1:20:2])
    assert (outcome.errors, len(tiktok.requests("videos")) <= 20) == ([], True)


def test_failed_stream_sends_no_more_requests(tiktok: TikTok, connector: Connector, waits: list[float]) -> None:
    """One worker retries for all; once it gives up, the others skip their windows."""
    tiktok.with_an_account()
    waited_before: list[float] = []

    def respond(_: Any, context: Any) -> Any:
        waited_before.append(sum(waits))
        context.status_code = 429
        return error_response("rate_limit_exceeded", 429)["json"]

    tiktok.responds("videos", {"json": respond})

    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "num_workers": 12}, "videos", state=ten_windows())

    assert (outcome.errors[:-1], outcome.statuses("videos")[-1]) == ([EXCEEDED], "INCOMPLETE")
    assert waits == steps(WAITS)
    # Before the first wait, each worker may get one 429; the next in line may have started when one gives up.
    assert 1 + 6 <= len(waited_before) <= 10 + 6 + 1
    assert 1 <= waited_before.count(sum(WAITS)) <= 2
    (account,) = outcome.states[-1]["states"]
    (given,) = ten_windows()["states"]
    assert account == given


def ten_windows() -> Any:
    """The state of a stopped sync that left ten gaps."""
    read = [{"start": "1388534400", "end": str(TIMES[20])}]
    read += [{"start": str(TIMES[n] - 10), "end": str(TIMES[n] + 10)} for n in range(18, 0, -2)]
    cursor = {"state_type": "date-range", "slices": read}
    return {"states": [{"partition": {"open_id": "_000account", "parent_slice": {}}, "cursor": cursor}]}


# --- sequential, and parallel again ---


class Clock:
    """The clock (s) of the tested module; every wait is recorded, and only advances it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class Requests:
    """Requests that stay in flight until they are answered."""

    def __init__(self, limit: RateLimit, respond: Callable[[], Any] = lambda: "page") -> None:
        self._limit = limit
        self._respond = respond
        self._answers = threading.Semaphore(0)
        self._arrivals = threading.Semaphore(0)
        self._workers: list[threading.Thread] = []
        self.responses: list[Any] = []

    def begin(self, count: int) -> None:
        """Start this many workers, each with one request."""
        workers = [threading.Thread(target=self._send) for _ in range(count)]
        self._workers += workers
        for worker in workers:
            worker.start()

    def arrive(self, count: int) -> bool:
        """Whether this many requests are in flight at the same time."""
        return all(self._arrivals.acquire(timeout=10) for _ in range(count))

    def another_arrives(self) -> bool:
        """Whether another request arrives, which should not happen."""
        return self._arrivals.acquire(timeout=0.1)

    def answer(self, count: int) -> None:
        """Answer this many requests, or let them be answered as soon as they arrive."""
        for _ in range(count):
            self._answers.release()

    def finish(self) -> None:
        """Wait for all workers."""
        for worker in self._workers:
            worker.join(timeout=10)
        assert [worker for worker in self._workers if worker.is_alive()] == []

    def _send(self) -> None:
        self.responses.append(self._limit.send(self._request))

    def _request(self) -> Any:
        self._arrivals.release()
        assert self._answers.acquire(timeout=10)
        return self._respond()


@pytest.fixture
def quiet_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock for the threads of a test, for which the frozen clock has no effect."""
    clock = Clock()
    monkeypatch.setattr(requester, "time", clock)
    return clock


@pytest.fixture
def limit(quiet_clock: Clock) -> RateLimit:
    return RateLimit(WAITS, FULL_WIDTH_AFTER, DEFINITIONS["messages"])


def reject_once(limit: RateLimit) -> None:
    """Send a request that gets one 429, and is accepted after the wait."""
    verdicts = [True, False]

    def request() -> Any:
        if verdicts.pop(0):
            raise RateLimitedError
        return "page"

    assert limit.send(request) == "page"
    assert verdicts == []


def are_parallel(limit: RateLimit) -> bool:
    """Whether a second request is sent before the first one is answered."""
    requests = Requests(limit)
    requests.begin(2)
    assert requests.arrive(1)
    both = requests.another_arrives()
    requests.answer(2)
    requests.finish()
    return both


def test_numbers_match_the_manifest() -> None:
    made = DEFINITIONS["requester"]
    assert (made["rate_limit_waits"], made["full_width_after"]) == (WAITS, FULL_WIDTH_AFTER)
    assert DEFINITIONS["in_check"]["requester"] == {"rate_limit_waits": WAITS_IN_CHECK}
    assert DEFINITIONS["endpoint_limit"]["rates"][0]["interval"] == f"PT{min(WAITS)}S"


def test_requests_are_parallel_before_a_429(limit: RateLimit, quiet_clock: Clock) -> None:
    requests = Requests(limit)
    requests.begin(5)
    assert requests.arrive(5)
    requests.answer(5)
    requests.finish()
    assert (requests.responses, quiet_clock.waits) == (["page"] * 5, [])


def test_requests_are_sequential_after_a_429(limit: RateLimit, quiet_clock: Clock) -> None:
    reject_once(limit)
    requests = Requests(limit)
    requests.begin(3)
    for _ in range(3):
        assert requests.arrive(1)
        assert not requests.another_arrives()
        requests.answer(1)
    requests.finish()
    assert (requests.responses, quiet_clock.waits) == (["page"] * 3, steps([61]))


@pytest.mark.parametrize(("quiet_time", "expected"), [(121, False), (122, True), (1000, True)])
def test_requests_are_parallel_again_after_122_s(
    quiet_time: float, expected: bool, limit: RateLimit, quiet_clock: Clock
) -> None:
    reject_once(limit)
    quiet_clock.now += quiet_time
    assert limit.send(lambda: None) is None  # the first one after this time is still sequential
    assert are_parallel(limit) is expected


def test_new_429_restarts_the_quiet_time(limit: RateLimit, quiet_clock: Clock) -> None:
    reject_once(limit)
    quiet_clock.now += 100
    reject_once(limit)
    quiet_clock.now += 121
    assert limit.send(lambda: None) is None
    assert not are_parallel(limit)


def test_new_429_makes_requests_sequential_again(
    limit: RateLimit, quiet_clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    reject_once(limit)
    quiet_clock.now += FULL_WIDTH_AFTER
    limit.send(lambda: None)
    reject_once(limit)
    assert quiet_clock.waits == steps([61, 61])
    assert [record.message for record in caplog.records] == [SLOWING_DOWN, *wait_lines([61, 61])]
    assert not are_parallel(limit)


def test_other_workers_wait_too_after_a_429(
    limit: RateLimit, quiet_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They start during the wait, and none of them sends its request before it ends."""
    others = Requests(limit)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        if not slept:
            others.begin(3)
        slept.append(seconds)
        assert not others.another_arrives()
        quiet_clock.now += seconds

    monkeypatch.setattr(quiet_clock, "sleep", sleep)
    others.answer(3)
    reject_once(limit)
    others.finish()
    assert (others.responses, slept) == (["page"] * 3, steps([61]))


def test_simultaneous_429s_count_once(limit: RateLimit, quiet_clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    def respond() -> str:
        if not quiet_clock.waits:
            raise RateLimitedError
        return "page"

    requests = Requests(limit, respond)
    requests.begin(5)
    assert requests.arrive(5)
    requests.answer(10)
    requests.finish()
    assert (requests.responses, quiet_clock.waits) == (["page"] * 5, steps([61]))
    assert sorted(record.message for record in caplog.records) == sorted([SLOWING_DOWN, *wait_lines([61])])


def test_late_success_does_not_end_the_wait(limit: RateLimit, quiet_clock: Clock) -> None:
    """Of a request that was in flight when another one got a 429."""
    requests = Requests(limit)
    requests.begin(1)
    assert requests.arrive(1)
    reject_once(limit)
    requests.answer(1)
    requests.finish()
    assert (requests.responses, quiet_clock.waits) == (["page"], steps([61]))
    assert not are_parallel(limit)


def test_error_releases_the_lock_for_the_next_request(limit: RateLimit, quiet_clock: Clock) -> None:
    reject_once(limit)

    def fail() -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        limit.send(fail)
    assert limit.send(lambda: None) is None
    assert quiet_clock.waits == steps([61])


def test_no_waits_follow_after_giving_up(limit: RateLimit, quiet_clock: Clock) -> None:
    def reject() -> Any:
        raise RateLimitedError("still limited")

    for _ in range(2):
        with pytest.raises(RateLimitedError, match="still limited"):
            limit.send(reject)
    assert quiet_clock.waits == steps(WAITS)
