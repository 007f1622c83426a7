"""A conformance run against a sandbox, in this process and without the waits."""

from __future__ import annotations

import time
from copy import deepcopy
from typing import Any

from integration_tests.live import Json, probes
from integration_tests.live.api import BUDGET, Api
from integration_tests.live.authorization import Authorization
from integration_tests.live.probe import Finding, Live, ask_all, merged
from integration_tests.live.records import Records
from sandbox import Sandbox

QUICK = tuple(entry for entry in probes.ALL if entry.name != "proof")  # the connector takes seconds
_monotonic = time.monotonic


class ProbeRun:
    """A run of all probes but the proof, and its findings.

    Attributes:
        stored_configs: each config that was written, in order.
    """

    def __init__(self, sandbox: Sandbox, config: Json | None = None, budget: int = BUDGET, **options: Any) -> None:
        self._sandbox, self._ahead = sandbox, 0.0
        self.stored_configs: list[Json] = []
        self.findings: dict[str, Finding] = {}
        self.records = Records()
        self.config = deepcopy(config) if config else sandbox.config()
        api = Api(sandbox.base_url, budget=budget, clock=self._clock, sleep=self._sleep, watch=self.records.add)
        keep = lambda changed: self.stored_configs.append(deepcopy(changed))  # noqa: E731
        self.live = Live(api, Authorization(api, self.config, keep), **options)

    def run(self) -> ProbeRun:
        """Run the probes."""
        probes.begin(self.live)
        ask_all(self.live, QUICK, lambda entry: None, lambda entry, found: self.findings.update({entry.name: found}))
        return self

    @property
    def switches(self) -> Json:
        """The settings that differ from the sandbox's defaults."""
        return merged(self.findings.values())

    @property
    def differing(self) -> set[str]:
        """The probes whose findings differ from the sandbox's defaults."""
        return {name for name, finding in self.findings.items() if finding.differs}

    @property
    def not_seen(self) -> set[str]:
        """The probes without a result."""
        return {name for name, finding in self.findings.items() if finding.seen.startswith("not seen: ")}

    def _clock(self) -> float:
        return _monotonic() + self._ahead

    def _sleep(self, seconds: float) -> None:
        self._ahead += seconds
        self._sandbox.advance(seconds)
