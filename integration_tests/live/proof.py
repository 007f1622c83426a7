"""The proof on one's own account: the connector reads the videos that the plain list shows, each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from integration_tests.live import Json
from integration_tests.live.listing import PAGE_SIZE, Listing
from integration_tests.live.probe import Finding, Live, NotSeenError, probe

MORE = 4  # requests of the connector, besides those for each page
SHARE = 1.35  # of them for each page
SHARE_LIMITED = 1.7  # where TikTok refuses some
LONGEST_RUN_S = 1_800  # a limit of 30 a minute leaves time for 900 pages


@probe("Does the connector read what the plain list shows?", "", rule="")
def proof(live: Live) -> Finding:
    """The connector never gets the access token: this command adds it, and alone refreshes it."""
    from integration_tests.live.forwarder import Forwarder
    from unit_tests.connector import Command  # not above: the CDK that comes with it takes seconds to load

    listing = live.listing
    start = _start(listing, live.api.budget - live.api.used, SHARE_LIMITED if live.api.limits else SHARE)
    listed = {str(video["id"]): video["create_time"] for video in listing.videos if video["create_time"] >= start}
    if start and not listed:
        raise NotSeenError("no day was listed from its beginning")
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
    """What the connector failed with; a passing failure says nothing about it."""
    if kind == "transient_error":
        raise NotSeenError(f"the connector failed with a {kind}: {message}")
    return Finding(f"the connector failed with a {kind}: {message}", agrees=False)


def compared(listed: dict[str, int], read: Sequence[Json], since: str | None) -> Finding:
    """One sentence; `listed` are the times (s) by id. What was posted after the list was read does not count."""
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
    seen += f", and {len(more)} that the plain list leaves out" if more else ""
    return Finding(f"{seen}.", agrees=not (missing or twice))


def _start(listing: Listing, left: int, share: float) -> int:
    """From when on (s) to compare: a day in UTC that was listed from its beginning and is affordable; 0 for all."""
    videos = listing.in_order
    affordable = int((left - MORE) / share) * PAGE_SIZE
    if listing.complete and len(videos) <= affordable:
        return 0
    if not videos or affordable < 1:
        raise NotSeenError("nothing was listed, or no requests are left")
    oldest = videos[:affordable][-1]["create_time"]
    day = datetime.fromtimestamp(oldest, timezone.utc).replace(hour=0, minute=0, second=0)
    return int((day + timedelta(days=1)).timestamp())
