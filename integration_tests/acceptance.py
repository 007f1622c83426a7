"""The sandbox and the files that `acceptance-test-config.yml` is written for.

python -m integration_tests.acceptance    rewrites expected_records.jsonl
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docs.generate import write
from sandbox import Sandbox, Settings

FOLDER = Path(__file__).parent
EXPECTED = FOLDER / "expected_records.jsonl"
# The newest (a photo post), one without a caption, a long caption, one at the edge of the first page, the oldest.
CHOSEN = (0, 3, 13, 18, 59)
NOW = 1_767_225_600  # epoch s
# Each run is the same, as the configs, the state and the expected records are stored in files. The configs are used
# many times, so a refresh token has to work more than once.
SETTINGS = Settings(fixed_tokens=True, rotate_refresh_tokens=False, now=NOW, videos=60, years=2.0)


def acceptance_sandbox() -> Sandbox:
    """The sandbox for the stored configs."""
    return Sandbox(SETTINGS)


def stored_json(path: str) -> Any:
    """The content of a JSON file, by its path in this folder."""
    return json.loads((FOLDER / path).read_text())


def expected_records() -> str:
    """The user and some videos of the acceptance sandbox as record messages, one per line."""
    account = acceptance_sandbox().account
    videos = account.videos
    rows = [("videos", {**videos[place], "open_id": account.open_id}) for place in CHOSEN]
    return "".join(_record(stream, data) for stream, data in [("user_info", account.user), *rows])


def _record(stream: str, data: dict[str, Any]) -> str:
    emitted_at = NOW * 1000  # ms; Airbyte's tests do not compare it
    return json.dumps({"stream": stream, "data": data, "emitted_at": emitted_at}, ensure_ascii=False) + "\n"


def main() -> None:
    """Rewrite expected_records.jsonl."""
    write(EXPECTED, expected_records())


if __name__ == "__main__":
    main()
