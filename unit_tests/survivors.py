"""The mutants that the unit tests cannot notice, because they behave as the code does: what they change, and why."""

ANY_LARGE_NUMBER = "The queue is as good as unbounded either way, so that no worker waits for it."
ONLY_SPEED = "How many dates are kept parsed changes the time that a sync takes, and nothing else."
ENUM = "Each member of an enum exists once, so that it is equal to nothing else."
EXPLAINED: dict[str, str] = {
    "authenticators.py: _parsed = lru_cache(maxsize= 7)(ab_datetime_parse) # each request asks three times": ONLY_SPEED,
    "authenticators.py: _parsed = lru_cache(maxsize= 9)(ab_datetime_parse) # each request asks three times": ONLY_SPEED,
    "authenticators.py: if error.failure_type != cdk.FailureType.transient_error:": ENUM,
    "source.py: queue.maxsize = 10**10": ANY_LARGE_NUMBER,
    "source.py: queue.maxsize = 10**8": ANY_LARGE_NUMBER,
    "source.py: queue.maxsize = 11**9": ANY_LARGE_NUMBER,
    "source.py: queue.maxsize = 9**9": ANY_LARGE_NUMBER,
}
