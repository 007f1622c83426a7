"""The proof on one's own account: the connector reads the videos that the plain list shows, each once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from integration_tests.live import Json
from integration_tests.live.listing import PAGE_SIZE, Listing
from integration_tests.live.probe import Finding, Live, NotSeenError, probe

SHARE, MORE = 1.35, 4  # requests of the connector for a page, and besides


@probe("Does the connector read what the plain list shows?", "", rule="")
def proof(live: Live) -> Finding:
    """The access token is lent to the connector, so that only this command renews the sign-in."""
    from integration_tests.live.connector import Installed

    listing = live.listing
    start = _start(listing, live.api.budget - live.api.used)
    listed = {str(video["id"]): video["create_time"] for video in listing.videos if video["create_time"] >= start}
    if start and not listed:
        raise NotSeenError("no day was listed from its beginning")
    live.api.spend(_requests(len(listed)))
    token = live.sign_in.credentials["access_token"]
    config: Json = {"credentials": {"auth_type": "access_token", "access_token": token}}
    if start:
        config["start_date"] = datetime.fromtimestamp(start, timezone.utc).date().isoformat()
    outcome = Installed(live.api.base_url).read(config, "videos")
    if outcome.errors:
        kind, message = outcome.errors[0]
        return Finding(f"the connector ended with a {kind}: {message}", agrees=False)
    return compared(listed, outcome.records("videos"), config.get("start_date"))


def compared(listed: dict[str, int], read: Sequence[Json], since: str | None) -> Finding:
    """One sentence; `listed` are the times (s) by id. What was posted after the list was read does not count."""
    newest = max(listed.values(), default=0)
    times = Counter(str(video["id"]) for video in read if str(video["id"]) in listed or video["create_time"] <= newest)
    missing, more = set(listed) - set(times), set(times) - set(listed)
    twice = sum(count > 1 for count in times.values())
    whole = f"videos posted since {since}" if since else "videos"
    if not (missing or twice or more):
        return Finding(
            f"The connector read the same {len(listed):,} {whole} as the plain list, each once.", agrees=True
        )
    seen = f"The connector read {len(listed) - len(missing):,} of the {len(listed):,} {whole} of the plain list"
    seen += f", {twice} more than once" if twice else ", each once"
    seen += f", and {len(more)} that the plain list leaves out" if more else ""
    return Finding(f"{seen}.", agrees=not (missing or twice))


def _requests(videos: int) -> int:
    return math.ceil(SHARE * math.ceil(videos / PAGE_SIZE)) + MORE


def _start(listing: Listing, left: int) -> int:
    """From when on (s) to compare: a whole day in UTC that was listed whole and that the budget can pay; 0 for all."""
    videos = listing.in_order
    affordable = int((left - MORE) / SHARE) * PAGE_SIZE
    if listing.complete and len(videos) <= affordable:
        return 0
    if not videos or affordable < 1:
        raise NotSeenError("nothing was listed, or no requests are left")
    oldest = videos[:affordable][-1]["create_time"]
    day = datetime.fromtimestamp(oldest, timezone.utc).replace(hour=0, minute=0, second=0)
    return int((day + timedelta(days=1)).timestamp())
