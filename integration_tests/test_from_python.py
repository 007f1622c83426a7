"""The source in one Python process, as Airbyte's own runner and tests use it: made without a config."""

import logging
import threading
from collections.abc import Iterable
from typing import Any

import pytest
from airbyte_cdk import AirbyteTracedException, FailureType
from airbyte_cdk.models import AirbyteMessage, ConfiguredAirbyteCatalogSerializer, Type

from integration_tests.conftest import StartSandbox
from integration_tests.waiting import wait_for
from sandbox.facts import TOKEN_PATH, VIDEO_LIST_PATH
from source_tiktok_organic import SourceTiktokOrganic
from unit_tests.outcome import catalog

LOGGER = logging.getLogger("airbyte")
CATALOG = ConfiguredAirbyteCatalogSerializer.load(catalog(sync_mode="incremental"))


def ids_and_states(messages: Iterable[AirbyteMessage]) -> tuple[list[str], list[Any]]:
    """The ids of the videos, sorted, and the states of `videos`."""
    ids, states = [], []
    for message in messages:
        if message.type is Type.RECORD and message.record.stream == "videos":
            ids.append(message.record.data["id"])
        if message.type is Type.STATE and message.state.stream.stream_descriptor.name == "videos":
            states.append(message.state)
    return sorted(ids), states


def test_source_without_config_takes_that_of_each_call(
    start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refresh token that `check` renewed is in the caller's config afterwards."""
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


def test_source_without_config_cleans_that_of_each_call(
    start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place, as the caller looks for renewed tokens there."""
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
def test_unfit_config_of_a_call_is_a_config_error(credentials: dict[str, str]) -> None:
    config = {"credentials": {"auth_type": "access_token", **credentials}}
    with pytest.raises(AirbyteTracedException, match="configuration of this source is not valid") as raised:
        SourceTiktokOrganic().check(LOGGER, config)
    assert (raised.value.failure_type, "act.AB" in str(raised.value)) == (FailureType.config_error, False)


def test_reader_that_stops_leaves_no_thread_behind(
    start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers wait to put records on a full queue; those that have not begun must not begin."""
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
    assert len(sandbox.requests_to(VIDEO_LIST_PATH)) < 50  # of 100 pages: two windows are read on, two never begin
