"""The mutants that the unit tests cannot notice, because they behave as the code does: what they change, and why."""

ANY_LARGE_NUMBER = "The queue is as good as unbounded either way, so that no worker waits for it."
EXPLAINED: dict[str, str] = {
    "source.py: source._queue.maxsize = 11**9": ANY_LARGE_NUMBER,
    "source.py: source._queue.maxsize = 9**9": ANY_LARGE_NUMBER,
}
