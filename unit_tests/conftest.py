"""Fixtures of the unit tests: a mocked TikTok, frozen time, and waits that are recorded instead of slept."""

from collections.abc import Iterator
from pathlib import Path

import freezegun
import pytest
import requests_mock
from freezegun.api import FrozenDateTimeFactory

from unit_tests.cdk_cache import once
from unit_tests.connector import Connector, InProcess
from unit_tests.tiktok import NOW, Adapter, TikTok
from unit_tests.token_store_helpers import VARIABLE


@pytest.fixture(scope="package", autouse=True)
def clock() -> Iterator[FrozenDateTimeFactory]:
    with freezegun.freeze_time(NOW, ignore=["_pytest.timing"]) as clock:  # once: it takes 0.1 s
        yield clock


@pytest.fixture(autouse=True)
def waits(clock: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time is frozen at NOW; every wait (s) of the tested code is recorded and only advances the clock."""
    for name in ("TIKTOK_API_BASE_URL", "TIKTOK_TOKEN_STORE"):
        monkeypatch.delenv(name, raising=False)
    recorded_waits: list[float] = []

    def wait(seconds: float) -> None:
        recorded_waits.append(seconds)
        clock.tick(seconds)

    clock.move_to(NOW)
    monkeypatch.setattr("time.sleep", wait)
    return recorded_waits


@pytest.fixture(autouse=True)
def cdk_once() -> Iterator[None]:
    """Reuse what the CDK has derived from the same manifest before."""
    with once():
        yield


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    """TikTok's three endpoints; a request to anything that a test did not set up is an error."""
    with requests_mock.Mocker(adapter=Adapter()) as mocker:
        yield TikTok(mocker)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a token store, which does not exist yet."""
    folder = tmp_path / "of" / "tokens"
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


@pytest.fixture
def connector() -> Connector:
    """The connector's command line, in this process."""
    return InProcess(skips_time=False)
