"""Runs the readers of one row against one sandbox."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import truth
from benchmarks.cases import LOOKBACK_DAYS, Case
from benchmarks.readers import CONNECTOR_READ, READERS, Usage, catalog, discovered, launch
from benchmarks.results import Run
from benchmarks.tiktok import TikTok

VIDEO_LIST, TOKEN = "/v2/video/list/", "/v2/oauth/token/"
Json = dict[str, Any]


def runs(case: Case, repeat: int, readers: Sequence[str]) -> Iterator[tuple[str, Run]]:
    """Every run of a row; the readers alternate, so that a noisy minute does not affect only one of them."""
    with TikTok(case) as tiktok:
        videos = tiktok.videos()
        for _ in range(repeat):
            if case.incremental:
                yield from _two_syncs(case, tiktok, videos)
            else:
                for reader in readers:
                    yield reader, _full_read(case, tiktok, reader, videos)


def _full_read(case: Case, tiktok: TikTok, reader: str, videos: Mapping[str, int]) -> Run:
    token = tiktok.access_token()
    with TemporaryDirectory() as name:
        config = {"base_url": tiktok.base_url, "access_token": token}
        if reader == "connector":
            config = connector_config(case, {"auth_type": "access_token", "access_token": token})
        _write(Path(name), config=config, catalog=catalog(reader))
        usage = launch(READERS[reader].command, Path(name), tiktok.base_url if reader == "connector" else "")
        return _run(tiktok, usage, Path(name), reader, videos, list(videos))


def _two_syncs(case: Case, tiktok: TikTok, videos: Mapping[str, int]) -> Iterator[tuple[str, Run]]:
    """Two syncs with a refresh token, to show whether the second one refreshes an access token that is still valid."""
    if "incremental" not in discovered()["supported_sync_modes"]:
        yield "connector", Run(0, 0, 0, problems=("the stream has no sync mode `incremental`",))
        return
    config: Mapping[str, Any] = connector_config(case, tiktok.start_over())
    with TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder, config=config, catalog=catalog("connector", "incremental"))
        usage = launch(CONNECTOR_READ, folder, tiktok.base_url)
        yield "first_sync", _run(tiktok, usage, folder, "connector", videos, list(videos))
        output = folder / "stdout"
        state, config = truth.last_state(truth.lines(output)), truth.last_config(truth.lines(output), config)
        _write(folder, config=config, state=state)
        usage = launch((*CONNECTOR_READ, "--state", "state.json"), folder, tiktok.base_url)
        recent = [video for video, posted in videos.items() if posted >= time.time() - LOOKBACK_DAYS * 86_400]
        yield "connector", _run(tiktok, usage, folder, "connector", videos, recent)


def connector_config(case: Case, credentials: Json) -> Json:
    """The connector's config in a row."""
    return {"credentials": credentials} | ({"start_date": case.start_date} if case.start_date else {})


def _write(folder: Path, **contents: Any) -> None:
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def _run(
    tiktok: TikTok, usage: Usage, folder: Path, reader: str, videos: Mapping[str, int], wanted: Sequence[str]
) -> Run:
    ids, log = list(READERS[reader].ids(folder)), tiktok.new_requests()
    listed = [request for request in log if request["path"] == VIDEO_LIST]
    return Run(
        seconds=usage.seconds,
        cpu=usage.cpu,
        memory=usage.memory,
        requests=len(listed),
        rejected=sum(request["status"] == 429 for request in listed),
        token_requests=sum(request["path"] == TOKEN for request in log),
        videos=len(ids),
        problems=(*_failure(usage, folder), *_violations(log), *truth.problems(ids, videos, wanted)),
    )


def _failure(usage: Usage, folder: Path) -> list[str]:
    """The exit code and last message of a failed reader."""
    if usage.exit_code == 0:
        return []
    message = truth.error(truth.lines(folder / "stdout")) or (folder / "stderr").read_text(errors="replace").strip()
    return [f"exit code {usage.exit_code}: {message.splitlines()[-1][:120] if message else 'no error message'}"]


def _violations(log: Sequence[Json]) -> list[str]:
    return list(dict.fromkeys(request["violation"] for request in log if request["violation"]))
