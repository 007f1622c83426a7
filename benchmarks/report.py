"""RESULTS.md: the bars, one table per row, and notes on how to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.bars import Verdict, faults, valid, verdicts
from benchmarks.cases import CASES, STARTUP
from benchmarks.readers import READERS
from benchmarks.results import Results, Run

LABELS = {name: reader.label for name, reader in READERS.items()} | {"first_sync": "this connector, the first sync"}
STARTUP_LABELS = {"import": "`import airbyte_cdk`", "spec": "`source-tiktok-organic spec`"}
COLUMNS = ("", "seconds", "vs loop", "list requests", "429", "CPU s", "peak MB", "videos")
MET = {True: "yes", False: "**no**", None: "not measured"}

NOTES = """## How to read this
- *seconds*: from the start of the process to its exit, including start-up. *vs loop*: how many times as fast as the
  plain loop of the same table. *CPU s*: user and system time of the reader and its children. *peak MB*: its largest
  resident memory (MB of 10⁶ bytes), with the image's `MALLOC_ARENA_MAX=2`. If a reader ran more than once: the median
  of the times, the worst of the other values.
- *videos* is "all N, once" if the reader returned each video of the account exactly once, compared by id with the
  sandbox. Otherwise it names the problem, and the run fails. An undocumented request fails the run too. The second
  sync of "Nothing new" must read the videos of the last 30 days, the connector's default lookback.
- The server is the project's sandbox, in its own process on the same machine. Accounts have three years of videos.
  All readers request the 16 fields and 20 videos a page, with an access token. (The two syncs of "Nothing new" use a
  refresh token, to show whether the second one refreshes an access token that is still valid.)
- Rows with 300 ms have the documented limit of 600 requests a minute, unless they name another one, which no reader
  knows. Rows with 0 ms have no limit, except the one with 14,000 videos. The connector starts with just under 600
  requests a minute even if the server has no limit, which explains the time of the 100,000 videos.
- The connector's `start_date` is 2022-01-01, except with 50 videos and with low limits: these have no `start_date`,
  which means history since 2014. The other readers always read until the API reports the end of the list.
- The connector, the low-code manifest, the tap and the loop write their messages (or JSON lines) to a file. dlt writes
  its own JSON lines, in `extract`; it skips normalize and load, because the other readers load nothing either. Its
  files are uncompressed, like the others'.
- The peers are as short as their documentation suggests: benchmarks/peers. They read page after page; none of them has
  a request budget, reads windows or refreshes tokens. When rate-limited, they do what their libraries do by default;
  the loop has the retry adapter from urllib3's documentation, with as many retries as the Singer SDK. For a reader that
  gives up at a low limit, the table shows its last message instead of the videos.
- One run on one machine. Differences of a few percent, or a few tenths of a second, are noise.
"""


def report(results: Results, heading: str, versions: Mapping[str, Mapping[str, str]]) -> str:
    """The complete file; `heading` has date, machine and duration."""
    parts = ["# Benchmark\n", heading, "## Bars\n", bars_table(verdicts(valid(results))), *_faults(results)]
    for case in CASES:
        if case.name in results:
            parts += [f"## {case.title}\n", case_table(results[case.name])]
    if STARTUP in results:
        parts += ["## Start-up\n", startup_table(results[STARTUP])]
    return "\n".join([*parts, "## Versions\n", versions_table(versions), NOTES])


def bars_table(found: Sequence[Verdict]) -> str:
    """A table of measured values and bars, and whether each value passes."""
    rows = [
        (v.bar.what, _measured(v), f"at {'least' if v.bar.at_least else 'most'} {v.bar.limit:g}", MET[v.met])
        for v in found
    ]
    return table(("", "measured", "bar", "met"), rows)


def case_table(runs: Mapping[str, Run]) -> str:
    """A table of one row's readers."""
    loop = runs.get("loop")
    return table(COLUMNS, [(LABELS[reader], *_cells(run, loop)) for reader, run in runs.items()])


def startup_table(runs: Mapping[str, Run]) -> str:
    """A table of `spec` and the bare import."""
    rows = [
        (STARTUP_LABELS[kind], f"{run.seconds:.2f}", f"{run.cpu:.2f}", f"{run.memory:.0f}")
        for kind, run in runs.items()
    ]
    return table(("", "seconds", "CPU s", "peak MB"), rows)


def versions_table(versions: Mapping[str, Mapping[str, str]]) -> str:
    """A table of each reader's versions."""
    rows = [(LABELS[reader], ", ".join(" ".join(pair) for pair in held.items())) for reader, held in versions.items()]
    return table(("", "versions"), rows)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns except the first are right-aligned."""
    rules = ["---", *["---:"] * (len(columns) - 1)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (columns, rules, *rows))


def _cells(run: Run, loop: Run | None) -> tuple[str, ...]:
    ratio = f"{loop.seconds / run.seconds:.1f}x" if loop and not (loop.problems or run.problems) else ""
    return (
        f"{run.seconds:.1f}",
        ratio,
        f"{run.requests:,}",
        str(run.rejected),
        f"{run.cpu:.1f}",
        f"{run.memory:.0f}",
        "; ".join(run.problems) or f"all {run.videos:,}, once",
    )


def _measured(verdict: Verdict) -> str:
    return "" if verdict.measured is None else f"{verdict.measured:,.{verdict.bar.decimals}f}"


def _faults(results: Results) -> list[str]:
    found = faults(results)
    return ["**Invalid: some records are wrong.**\n\n" + "".join(f"- {fault}\n" for fault in found)] if found else []
