"""Measured results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Run:
    """One run of one reader, or the summary of several.

    Attributes:
        seconds: from the start of the process to its exit.
        cpu: user and system time of the process and its children, in s.
        memory: peak, in MB (10**6 bytes).
        requests: to the video list, including rejected ones.
        rejected: how many of them got 429.
        token_requests: to the token endpoint.
        videos: records that the reader returned.
        problems: sentences about wrong records; empty if each video came exactly once.
    """

    seconds: float
    cpu: float
    memory: float
    requests: int = 0
    rejected: int = 0
    token_requests: int = 0
    videos: int = 0
    problems: tuple[str, ...] = ()


# By the name of the row and that of the reader.
Results = dict[str, dict[str, Run]]


def summary(runs: Sequence[Run]) -> Run:
    """The median of the times, and the worst of the values that should not vary."""
    return Run(
        seconds=median(run.seconds for run in runs),
        cpu=median(run.cpu for run in runs),
        memory=max(run.memory for run in runs),
        requests=max(run.requests for run in runs),
        rejected=max(run.rejected for run in runs),
        token_requests=max(run.token_requests for run in runs),
        videos=min(run.videos for run in runs),
        problems=tuple(dict.fromkeys(problem for run in runs for problem in run.problems)),
    )


def times_as_fast(results: Results, case: str, reader: str) -> float:
    """How many times as fast as the plain loop in the same row; raises KeyError if one of them did not run."""
    return results[case]["loop"].seconds / results[case][reader].seconds
