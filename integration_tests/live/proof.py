"""The proof on the user's account: the connector reads the same videos as the plain list, each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from integration_tests.live import Json
from integration_tests.live.listing import PAGE_SIZE, Listing
from integration_tests.live.probe import Finding, Live, NotSeenError, probe

EXTRA = 4  # requests of the connector, in addition to those for pages
PER_PAGE = 1.35  # requests of the connector for each page
PER_PAGE_LIMITED = 1.7  # the same, if TikTok rate-limits some
LONGEST_RUN_S = 1_800  # a limit of 30 a minute leaves time for 900 pages


@probe("Does the connector read what the plain list shows?", "", rule="")
def proof(live: Live) -> Finding:
    """The connector never gets the access token: the forwarder adds it, and only this command refreshes it."""
    from integration_tests.live.forwarder import Forwarder
    from unit_tests.connector import Command  # here, because it imports the CDK, which takes seconds

    listing = live.listing
    start = _start(listing, live.api.budget - live.api.used, PER_PAGE_LIMITED if live.api.limits else PER_PAGE)
    listed = {str(video["id"]): video["create_time"] for video in listing.videos if video["create_time"] >= start}
    if start and not listed:
        raise NotSeenError("no day was listed completely")
    config: Json = {"credentials": {"auth_type": "access_token", "access_token": "act.added-on-the-way"}}
    if start:
        config["start_date"] = datetime.fromtimestamp(start, timezone.utc).date().isoformat()
    with Forwarder(live) as forwarder:
        outcome = Command(forwarder.base_url, longest_run_s=LONGEST_RUN_S).read(config, "videos")
    if forwarder.stopped:
        raise forwarder.stopped
    if outcome.errors:
        return _failed(*outcome.errors[0])
    return compared(listed, outcome.records("videos"), config.get("start_date"))


def _failed(kind: str, message: str) -> Finding:
    """The connector's error as a finding; a transient error proves nothing."""
    if kind == "transient_error":
        raise NotSeenError(f"the connector failed with a {kind}: {message}")
    return Finding(f"the connector failed with a {kind}: {message}", agrees=False)


def compared(listed: dict[str, int], read: Sequence[Json], since: str | None) -> Finding:
    """One sentence; `listed` has times (s) by id. Videos posted after the list was read don't count."""
    newest = max(listed.values(), default=0)
    times = Counter(str(video["id"]) for video in read if str(video["id"]) in listed or video["create_time"] <= newest)
    missing, more = set(listed) - set(times), set(times) - set(listed)
    twice = sum(count > 1 for count in times.values())
    videos = f"videos posted since {since}" if since else "videos"
    if not (missing or twice or more):
        return Finding(
            f"The connector read the same {len(listed):,} {videos} as the plain list, each once.", agrees=True
        )
    seen = f"The connector read {len(listed) - len(missing):,} of the {len(listed):,} {videos} of the plain list"
    seen += f", {twice} more than once" if twice else ", each once"
    seen += f", and {len(more)} missing from the plain list" if more else ""
    return Finding(f"{seen}.", agrees=not (missing or twice))


def _start(listing: Listing, left: int, per_page: float) -> int:
    """Start of the comparison (s): the first completely listed UTC day within the budget; 0 for all videos."""
    videos = listing.in_order
    affordable = int((left - EXTRA) / per_page) * PAGE_SIZE
    if listing.complete and len(videos) <= affordable:
        return 0
    if not videos or affordable < 1:
        raise NotSeenError("nothing was listed, or the budget is used up")
    oldest = videos[:affordable][-1]["create_time"]
    day = datetime.fromtimestamp(oldest, timezone.utc).replace(hour=0, minute=0, second=0)
    return int((day + timedelta(days=1)).timestamp())
