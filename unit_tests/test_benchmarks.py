"""The parts of the benchmarks that measure nothing: statistics, comparison with the ground truth, verdicts."""

from pathlib import Path

import pytest

from benchmarks import environments, truth
from benchmarks.bars import Bar, Verdict, faults, valid, verdicts
from benchmarks.cases import CASES, READERS
from benchmarks.readers import READERS as KNOWN_READERS
from benchmarks.results import Results, Run, summary, times_as_fast

HELD = ["1", "2", "3"]
BROKEN = Run(0.1, 0.1, 10, problems=("1 videos missing, as 3",))


def all_measured(**connector: float) -> Results:
    """Every row with identical runs, so that each bar has a value; the keywords change the connector's runs."""
    results: Results = {c.name: dict.fromkeys(c.readers, Run(30, 5, 100, 500)) for c in CASES}
    for runs in results.values():
        runs["connector"] = Run(**({"seconds": 2, "cpu": 3, "memory": 100, "requests": 5} | connector))
    return results | {"startup": {"import": Run(2, 2, 70), "spec": Run(2.5, 2, 80)}}


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (["3", "1", "2"], ()),
        (["1", "2"], ("1 videos missing, as 3",)),
        (["1", "2", "2", "3"], ("1 videos more than once, as 2",)),
        (["1", "2", "3", "4"], ("1 videos unknown, as 4",)),
        ([], ("3 videos missing, as 1",)),
        (["4", "1", "1"], ("2 videos missing, as 2", "1 videos more than once, as 1", "1 videos unknown, as 4")),
    ],
)
def test_every_difference_from_the_truth_is_named(read: list[str], expected: tuple[str, ...]) -> None:
    assert truth.problems(read, HELD, HELD) == expected


def test_incremental_sync_may_emit_older_videos() -> None:
    assert truth.problems(["1", "2"], HELD, wanted=["1"]) == ()
    assert truth.problems(["2"], HELD, wanted=["1"]) == ("1 videos missing, as 1",)


def test_ids_are_found_in_each_readers_output(tmp_path: Path) -> None:
    """One pattern per reader; everything else in its output is ignored."""
    singer = '{"type":"SCHEMA","stream":"videos"}\n{"type":"RECORD","stream":"videos","record":{"id":"1"}}\n'
    airbyte = (
        'chatter\n{"type":"LOG"}\n{"type":"RECORD","record":{"stream":"videos","data":{"id":"1"}}}\n'
        '{"type":"RECORD","record":{"stream":"user_info","data":{"open_id":"9"}}}\n'
    )
    for reader, text in {
        "singer_ids": singer,
        "airbyte_ids": airbyte,
        "plain_ids": '{"id": 1}\n[{"id": "2"}]\n',
    }.items():
        (tmp_path / "out").write_text(text)
        expected = ["1", "2"] if reader == "plain_ids" else ["1"]
        assert list(getattr(truth, reader)(truth.lines(tmp_path / "out"))) == expected


def test_last_state_and_config_count() -> None:
    def state(cursor: int) -> truth.Message:
        stream = {"stream_descriptor": {"name": "videos"}, "stream_state": {"create_time": cursor}}
        return {"type": "STATE", "state": {"type": "STREAM", "stream": stream, "sourceStats": {"recordCount": 1.0}}}

    control = {"type": "CONTROL", "control": {"connectorConfig": {"config": {"new": True}}}}
    messages = [state(1), control, state(2)]
    assert truth.last_state(messages) == [{key: state(2)["state"][key] for key in ("type", "stream")}]
    assert truth.last_config(messages, {}) == {"new": True}
    assert truth.last_config([], {"old": True}) == {"old": True}


def test_failed_source_is_quoted() -> None:
    trace = {"type": "TRACE", "trace": {"type": "ERROR", "error": {"message": "Re-authenticate."}}}
    assert truth.error([{"type": "LOG"}, [1], trace]) == "Re-authenticate."
    assert truth.error([{"id": "1"}]) == ""


def test_summary_has_median_times_and_worst_counts() -> None:
    runs = [Run(3, 1, 80, 50, 0, 0, 9), Run(1, 3, 90, 51, 1, 1, 8, ("late",)), Run(2, 2, 70, 52, 0, 0, 9, ("late",))]
    assert summary(runs) == Run(2, 2, 90, 52, 1, 1, 8, ("late",))


def test_speed_is_the_ratio_of_times() -> None:
    assert times_as_fast({"row": {"loop": Run(20, 1, 1), "connector": Run(2, 1, 1)}}, "row", "connector") == 10


@pytest.mark.parametrize(
    ("measured", "at_least", "met"),
    [(10, False, True), (10.1, False, False), (10, True, True), (9.9, True, False), (None, False, None)],
)
def test_limit_itself_meets_the_bar(measured: float | None, at_least: bool, met: bool | None) -> None:
    assert Verdict(Bar("", lambda results: 0, 10, at_least=at_least), measured).met is met


def test_every_bar_has_a_value() -> None:
    """A bar that names a row or reader that does not exist would never be measured."""
    assert [v.bar.what for v in verdicts(all_measured()) if v.met is not True] == []


def test_slow_connector_meets_the_start_up_bar_only() -> None:
    worst = all_measured(seconds=300, cpu=7, requests=700, rejected=4, token_requests=1)
    worst["100000-0ms"]["connector"] = Run(30, 7, 126, rejected=4)
    assert [v.bar.what for v in verdicts(worst) if v.met] == ["`spec`: times as long as `import airbyte_cdk`"]


def test_wrong_read_meets_no_bar() -> None:
    """A reader that fails at once is fast and makes few requests."""
    results: Results = {"10000-300ms": {"loop": Run(150, 1, 30), "connector": BROKEN}}
    assert {v.met for v in verdicts(valid(results))} == {None}
    assert faults(results) == ["10000-300ms, connector: 1 videos missing, as 3"]


def test_peer_failing_at_a_low_rate_limit_is_a_result() -> None:
    rows: Results = {name: {"loop": BROKEN, "connector": BROKEN} for name in ("719-30", "1000-300ms")}
    failed = [fault.partition(":")[0] for fault in faults(rows)]
    assert failed == ["719-30, connector", "1000-300ms, loop", "1000-300ms, connector"]


def test_peers_have_their_files_and_pinned_versions() -> None:
    for reader in READERS[1:]:
        pins = environments.requirements(reader).read_text().split()
        assert all("==" in pin for pin in pins)
        script = KNOWN_READERS[reader].command[1]
        assert Path(script).is_file()


def test_low_code_peer_uses_the_locked_cdk() -> None:
    """Otherwise the table would compare two CDKs instead of two manifests."""
    (pin,) = environments.requirements("low_code").read_text().split()
    assert f"{pin} " in environments.CONSTRAINTS.read_text()
