"""The mutants that the unit tests cannot notice, because they behave as the code does: what they change, and why."""

ONLY_SPEED = "It changes the time that a sync takes, and nothing else."
ENUM = "Each member of an enum exists once, so that it is equal to nothing else."
OLDER = "A record from before its window, or older than the newest one of it, cannot lower the state."
FIRST_SECOND = "A video in the first second of its window leaves the state where the window begins."
ONE_SECOND_MORE = "A window's end only tells whether it meets the next one, which a second of both does not change."
MOST = "Where the count of the videos is unknown, the greater number of pages decides."
PINNED = "For 20 videos and up to three pinned posts, the difference and the exclusive or are the same."
SCOPES = "There is no stream without a scope."
LISTS = "Of the lists that a scope can be split into, none is smaller."
GROWING = "A set that is added to cannot shrink."
NEWEST = (
    "source.py: if isinstance(second, int) and extra['newest'] {} second <= int(record.associated_slice['end_time']):"
)
EXPLAINED: dict[str, str] = {
    "authenticators.py: _parsed = lru_cache(maxsize= 7)(ab_datetime_parse) # each request asks three times": ONLY_SPEED,
    "authenticators.py: _parsed = lru_cache(maxsize= 9)(ab_datetime_parse) # each request asks three times": ONLY_SPEED,
    "authenticators.py: if error.failure_type != cdk.FailureType.transient_error:": ENUM,
    NEWEST.format("<"): FIRST_SECOND,
    NEWEST.format("is not"): OLDER,
    NEWEST.format("!="): OLDER,
    "source.py: start, end = int(window['start_time']), int(window['end_time']) + 2": ONE_SECOND_MORE,
    "components.py: left, known = (count - size, count) if isinstance(count, int) and count else (math.inf, 1)": MOST,
    "components.py: left, known = (count - size, count) if isinstance(count, int) and count else (math.inf, -1)": MOST,
    "components.py: return cursor if cursor < previous and not 0 <= crowd ^ self.page_size <= self.pinned_posts "
    "else None": PINNED,
    "components.py: of_the_keys = error.failure_type is not cdk.FailureType.system_error and "
    "len(self.fields_by_scope) <= 1": SCOPES,
    "components.py: of_the_keys = error.failure_type != cdk.FailureType.system_error and "
    "len(self.fields_by_scope) == 1": ENUM,
    "components.py: if granted <= [''] or scope in granted:": LISTS,
    "components.py: return len(self._seen) != known": GROWING,
    "responses.py: while chunk := response.raw.read1(65537, decode_content=True):": ONLY_SPEED,
    "responses.py: while chunk := response.raw.read1(65535, decode_content=True):": ONLY_SPEED,
    "responses.py: budget.learn(request, refused=action == ResponseAction.RATE_LIMITED)": ENUM,
    "responses.py: if action == ResponseAction.REFRESH_TOKEN_THEN_RETRY:": ENUM,
    "responses.py: lasts = action == ResponseAction.RATE_LIMITED and budget.has_stalled()": ENUM,
    "responses.py: if lasts or action == ResponseAction.FAIL:": ENUM,
    "responses.py: unanswered: int = field(default=0, init=True)": "The CDK passes no such key.",
}
