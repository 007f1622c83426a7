"""RESULTS.md: bars first, then one table per row, then how to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.bars import Verdict, faults, valid, verdicts
from benchmarks.cases import CASES, STARTUP
from benchmarks.readers import READERS
from benchmarks.results import Results, Run

LABELS = {name: reader.label for name, reader in READERS.items()} | {"first_sync": "this connector, the sync before"}
STARTUP_LABELS = {"import": "`import airbyte_cdk`", "spec": "`source-tiktok-organic spec`"}
COLUMNS = ("", "seconds", "vs loop", "list requests", "429", "CPU s", "peak MB", "videos")
MET = {True: "yes", False: "**no**", None: "not measured"}

NOTES = """## How to read this
- *seconds*: from the start of the process to its end, start-up included. *vs loop*: how many times as fast as the
  plain loop of the same table. *CPU s*: user and system time of the reader and its children. *peak MB*: its largest
  resident memory (MB of 10⁶ bytes), with the `MALLOC_ARENA_MAX=2` of the image. Where a reader ran more than once: the
  medians of the times, the worst of the rest.
- *videos* is "all N, once" when each video of the account came exactly once, compared by id with what the sandbox
  holds; anything else stands in its place and makes the run fail. So does a request that the API's documentation rules
  out. The second sync of "Nothing new" has to bring the videos of the last 30 days, the connector's default lookback.
- The server is the project's sandbox, in a process of its own on the same machine. Accounts have three years of videos.
  All readers ask for the 16 fields, 20 videos a page, and sign in with an access token. (The two syncs of "Nothing
  new" use a refresh token, to show whether the second one renews what still works.)
- Rows of 300 ms have the documented limit of 600 requests a minute, unless they name another, which no reader is told.
  Rows of 0 ms have none, except the one of 14,000 videos. The connector begins with just under 600 a minute also where
  the server has no limit: that is what the 100,000 videos take their time for.
- The connector's `start_date` is 2022-01-01, except with 50 videos and with low limits: no `start_date`, which means
  history since 2014. The others always read until the API says that there is no more.
- The connector, the low-code manifest, the tap and the loop write their messages (or JSON lines) into a file. dlt
  writes its own JSON lines, in `extract`; normalize and load are left out in its favour, as nobody else loads anything
  either. Its files are not compressed, like the others'.
- The peers are as short as their documentation suggests: benchmarks/peers. They read one page after the other; none
  of them keeps a request budget, reads windows or refreshes tokens. When refused for the limit they do what their
  libraries do by themselves; the loop has the adapter with retries that urllib3's documentation shows, with as many of
  them as the Singer SDK makes. A reader that gives up at a low limit has its last words in place of the videos.
- One run on one machine. Differences of a few percent, or a few tenths of a second, mean nothing.
"""


def report(results: Results, heading: str, versions: Mapping[str, Mapping[str, str]]) -> str:
    """The whole file; `heading` tells date, machine and duration."""
    parts = ["# Benchmark\n", heading, "## Bars\n", bars_table(verdicts(valid(results))), *_faults(results)]
    for case in CASES:
        if case.name in results:
            parts += [f"## {case.title}\n", case_table(results[case.name])]
    if STARTUP in results:
        parts += ["## Start-up\n", startup_table(results[STARTUP])]
    return "\n".join([*parts, "## Versions\n", versions_table(versions), NOTES])


def bars_table(found: Sequence[Verdict]) -> str:
    """Measured value, bar, met or not."""
    rows = [
        (v.bar.what, _measured(v), f"at {'least' if v.bar.at_least else 'most'} {v.bar.limit:g}", MET[v.met])
        for v in found
    ]
    return table(("", "measured", "bar", "met"), rows)


def case_table(runs: Mapping[str, Run]) -> str:
    """The readers of one row."""
    loop = runs.get("loop")
    return table(COLUMNS, [(LABELS[reader], *_cells(run, loop)) for reader, run in runs.items()])


def startup_table(runs: Mapping[str, Run]) -> str:
    """`spec` and the bare import."""
    rows = [
        (STARTUP_LABELS[kind], f"{run.seconds:.2f}", f"{run.cpu:.2f}", f"{run.memory:.0f}")
        for kind, run in runs.items()
    ]
    return table(("", "seconds", "CPU s", "peak MB"), rows)


def versions_table(versions: Mapping[str, Mapping[str, str]]) -> str:
    """What each reader ran on."""
    rows = [(LABELS[reader], ", ".join(" ".join(pair) for pair in held.items())) for reader, held in versions.items()]
    return table(("", "versions"), rows)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; all columns but the first are aligned to the right."""
    rules = ["---", *["---:"] * (len(columns) - 1)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (columns, rules, *rows))


def _cells(run: Run, loop: Run | None) -> tuple[str, ...]:
    ratio = f"{loop.seconds / run.seconds:.1f}x" if loop and not (loop.problems or run.problems) else ""
    return (
        f"{run.seconds:.1f}",
        ratio,
        f"{run.requests:,}",
        str(run.refused),
        f"{run.cpu:.1f}",
        f"{run.memory:.0f}",
        "; ".join(run.problems) or f"all {run.videos:,}, once",
    )


def _measured(verdict: Verdict) -> str:
    return "" if verdict.measured is None else f"{verdict.measured:,.{verdict.bar.decimals}f}"


def _faults(results: Results) -> list[str]:
    found = faults(results)
    return (
        ["**Not valid: something was read wrongly.**\n\n" + "".join(f"- {fault}\n" for fault in found)] if found else []
    )
