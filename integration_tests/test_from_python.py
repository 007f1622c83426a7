"""The source in one Python process, created without a config, as Airbyte's runner and tests do."""

import asyncio
import itertools
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from airbyte_cdk import AirbyteTracedException, FailureType
from airbyte_cdk.models import AirbyteMessage, ConfiguredAirbyteCatalogSerializer, Type

from integration_tests.conftest import StartSandbox
from integration_tests.waiting import wait_for
from sandbox.facts import TOKEN_PATH, VIDEO_LIST_PATH
from source_tiktok_organic import SourceTiktokOrganic
from unit_tests.command_result import catalog

LOGGER = logging.getLogger("airbyte")
CATALOG = ConfiguredAirbyteCatalogSerializer.load(catalog(sync_mode="incremental"))
LONGEST_S = 30
Result = TypeVar("Result")


def ids_and_states(messages: Iterable[AirbyteMessage]) -> tuple[list[str], list[Any]]:
    """The ids of the videos, sorted, and the states of `videos`."""
    ids, states = [], []
    for message in messages:
        if message.type is Type.RECORD and message.record.stream == "videos":
            ids.append(message.record.data["id"])
        if message.type is Type.STATE and message.state.stream.stream_descriptor.name == "videos":
            states.append(message.state)
    return sorted(ids), states


def test_source_without_config_uses_each_calls_config(
    start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check` stores its new refresh token in the caller's config."""
    sandbox = start_sandbox(videos=30, accounts=2)
    monkeypatch.setenv("TIKTOK_API_BASE_URL", sandbox.base_url)
    source = SourceTiktokOrganic()
    configs = [sandbox.config(account=account, lookback_window_days=0) for account in sandbox.accounts]

    assert [source.check(LOGGER, config).status.value for config in configs] == ["SUCCEEDED"] * 2
    assert [stream.name for stream in source.discover(LOGGER, configs[0]).streams] == ["user_info", "videos"]
    for config, account in zip(configs, sandbox.accounts, strict=True):
        ids, states = ids_and_states(source.read(LOGGER, config, CATALOG, []))
        assert ids == sorted(video["id"] for video in account.videos)
        again, _ = ids_and_states(source.read(LOGGER, config, CATALOG, states[-1:]))
        assert again == ids[-1:]

    assert [request.status for request in sandbox.requests_to(TOKEN_PATH)] == [200, 200]


def test_source_without_config_cleans_each_calls_config(
    start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place, as the caller looks for refreshed tokens there."""
    sandbox = start_sandbox(videos=30)
    monkeypatch.setenv("TIKTOK_API_BASE_URL", sandbox.base_url)
    token = sandbox.grant().access_token
    config = {"credentials": {"auth_type": "access_token", "access_token": f"{token}\n"}, "num_workers": None}
    source = SourceTiktokOrganic()

    assert source.check(LOGGER, config).status.value == "SUCCEEDED"
    assert config == {"credentials": {"auth_type": "access_token", "access_token": token}}
    ids, _ = ids_and_states(source.read(LOGGER, {**config, "start_date": None}, CATALOG, []))
    assert len(ids) == 30


@pytest.mark.parametrize("credentials", [{}, {"access_token": "act.AB\nCD"}], ids=["missing", "line_break"])
def test_invalid_config_in_a_call_is_a_config_error(credentials: dict[str, str]) -> None:
    config = {"credentials": {"auth_type": "access_token", **credentials}}
    with pytest.raises(AirbyteTracedException, match="configuration of this source is not valid") as raised:
        SourceTiktokOrganic().check(LOGGER, config)
    assert (raised.value.failure_type, "act.AB" in str(raised.value)) == (FailureType.config_error, False)


def test_stopped_reader_leaves_no_thread_behind(start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers wait to put records on a full queue; those that have not started must not start."""
    sandbox = start_sandbox(videos=2000)
    monkeypatch.setenv("TIKTOK_API_BASE_URL", sandbox.base_url)
    config = sandbox.config(num_workers=2)
    source = SourceTiktokOrganic(CATALOG, config, [])
    messages = source.read(LOGGER, config, CATALOG, [])
    for _ in range(300):
        next(messages)
    wait_for(source._concurrent_source._queue.full, 20)
    threading.Thread(target=messages.close, daemon=True).start()
    wait_for(lambda: not [t for t in threading.enumerate() if t.name.startswith("workerpool")], 20)
    assert len(sandbox.requests_to(VIDEO_LIST_PATH)) < 50  # of 100 pages: two windows are read on, two never start


# --- the caller's threads ---


def in_new_thread(function: Callable[[], Result]) -> Result:
    """The result of a function in a new thread, which must finish in time."""
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
    thread.start()
    thread.join(LONGEST_S)
    assert results, f"not within {LONGEST_S} s"
    return results[0]


def in_loop(function: Callable[[], Result]) -> Result:
    """The result of a function in a thread of an event loop, which must finish in time."""
    return in_new_thread(lambda: asyncio.run(asyncio.to_thread(function)))


def in_turns(messages: Iterator[AirbyteMessage]) -> Iterator[AirbyteMessage]:
    """The same messages, read by many threads in turns."""
    for thread in itertools.cycle([ThreadPoolExecutor(1) for _ in range(20)]):
        message = thread.submit(next, messages, None).result(LONGEST_S)
        if message is None:
            return
        yield message


class SlowReader(logging.Handler):
    """Simulates a reader so slow that the queue is full whenever a stream finishes.

    The CDK logs this line just before it emits the stream's last state, in the thread that reads.
    """

    def __init__(self, source: SourceTiktokOrganic) -> None:
        super().__init__()
        self._queue = source._concurrent_source._queue
        self.full_at: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message == "Marking stream user_info as STOPPED":
            wait_for(self._queue.full, 20)
            self.full_at.append(message)


@pytest.fixture
def slow_source(
    start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[SourceTiktokOrganic, dict[str, Any], list[str]]]:
    """A source whose queue is full when `user_info` finishes, its config, and the ids of its videos, sorted.

    Without their scopes, `user_info` takes four requests and the account of `videos` two: videos are read meanwhile.
    """
    sandbox = start_sandbox(videos=1500, latency=0.1)
    monkeypatch.setenv("TIKTOK_API_BASE_URL", sandbox.base_url)
    config = sandbox.access_token_config(scopes=("user.info.basic", "video.list"))
    source = SourceTiktokOrganic(CATALOG, config, [])
    reader = SlowReader(source)
    logger = source._concurrent_source._logger
    logger.addHandler(reader)
    yield source, config, sorted(video["id"] for video in sandbox.account.videos)
    logger.removeHandler(reader)
    queue = source._concurrent_source._queue
    with queue.not_full:  # a thread that hangs must not keep pytest from exiting
        queue.maxsize = sys.maxsize
        queue.not_full.notify_all()
    assert len(reader.full_at) == 1


READERS = {
    "thread": lambda messages: in_new_thread(lambda: ids_and_states(messages)),
    "event_loop": lambda messages: in_loop(lambda: ids_and_states(messages)),
    "threads_in_turns": lambda messages: ids_and_states(in_turns(messages)),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_source_made_in_another_thread_never_hangs(read: Callable[[Any], Any], slow_source: Any) -> None:
    """The CDK assumes that the constructor's thread reads, and blocks all other threads on a full queue."""
    source, config, ids = slow_source
    read_ids, states = read(source.read(LOGGER, config, CATALOG, []))
    assert read_ids == ids
    assert "slices" not in str(vars(states[-1].stream.stream_state))


def test_check_works_in_an_event_loop(start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = start_sandbox(videos=30)
    monkeypatch.setenv("TIKTOK_API_BASE_URL", sandbox.base_url)
    config = sandbox.config()
    source = SourceTiktokOrganic()
    assert in_loop(lambda: source.check(LOGGER, config)).status.value == "SUCCEEDED"


def test_no_record_follows_the_state_emitted_on_a_signal(
    start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process exits right after it: whatever is emitted later would be read again."""
    sandbox = start_sandbox(videos=300, latency=0.1)
    monkeypatch.setenv("TIKTOK_API_BASE_URL", sandbox.base_url)
    source = SourceTiktokOrganic(CATALOG, sandbox.config(), [])
    messages: list[AirbyteMessage] = []

    reading = source.read(LOGGER, source._config, CATALOG, [])
    threading.Thread(target=messages.extend, args=(reading,), daemon=True).start()
    wait_for(lambda: ids_and_states(list(messages))[0])
    source.emit_state(LONGEST_S)
    first, states = ids_and_states(list(messages))
    rest, _ = ids_and_states(SourceTiktokOrganic().read(LOGGER, sandbox.config(), CATALOG, states[-1:]))

    assert 0 < len(first) < 300
    assert messages[-1].type is Type.STATE
    assert sorted({*first, *rest}) == sorted(video["id"] for video in sandbox.account.videos)
    assert ids_and_states(list(messages))[0] == first
