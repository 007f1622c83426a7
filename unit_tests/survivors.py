"""The mutants that the unit tests cannot notice, because they behave as the code does: what they change, and why."""

ANY_LARGE_NUMBER = "The queue is as good as unbounded either way, so that no worker waits for it."
BEFORE_TIKTOK = "No video was posted that early."
EXPLAINED: dict[str, str] = {
    "source.py: queue.maxsize = 10**10": ANY_LARGE_NUMBER,
    "source.py: queue.maxsize = 10**8": ANY_LARGE_NUMBER,
    "source.py: queue.maxsize = 11**9": ANY_LARGE_NUMBER,
    "source.py: queue.maxsize = 9**9": ANY_LARGE_NUMBER,
}
