"""The rules of TikTok's API that the sandbox follows, each with its evidence. `make live` compares them with TikTok.

Kinds of evidence, the strongest first:
- recorded: in a recorded response of the real API.
- documented: on https://developers.tiktok.com/doc/overview/.
- live: somebody saw it live and wrote it down, without a recording.
- reported: in third-party code or reports.
- assumed: our guess.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """The sandbox's default behaviour.

    Attributes:
        strength: the kind of evidence.
        switches: names of the settings that change the behaviour.
        recorded: file in integration_tests/recorded that shows it; empty if there is none.
        name: the name that the probes of `make live` use for it; empty if no probe does.
    """

    rule: str
    strength: str
    switches: tuple[str, ...] = ()
    recorded: str = ""
    name: str = ""


RULES = (
    # Errors and limits.
    Rule(
        "A data endpoint responds with `data` and `error`, which has `code`, `message` and a 34-character `log_id`",
        "recorded",
        recorded="user_info_basic_profile_stats.json",
        name="envelope",
    ),
    Rule(
        'Errors of data endpoints come with `"data": {}`',
        "recorded",
        recorded="access_token_invalid.401.json",
        name="error_data",
    ),
    Rule(
        "`scope_not_authorized` comes without `data`",
        "recorded",
        recorded="scope_not_authorized.401.json",
        name="scope_data",
    ),
    Rule(
        "Each code of a data endpoint has an HTTP status of its own",
        "documented",
        ("data_error_status",),
        name="error_statuses",
    ),
    Rule(
        "A field whose scope was not granted fails the whole request",
        "recorded",
        ("scope_error",),
        "scope_not_authorized.401.json",
        name="missing_scope",
    ),
    Rule("Order of checks: method, token, rate limit, parameters, scope", "assumed"),
    Rule(
        "600 requests a minute per endpoint, in a sliding window; some apps get 429 far earlier",
        "documented",
        ("rate_limit", "rate_window", "rate_fixed_windows"),
        name="rate_limit",
    ),
    Rule("The limit applies to the app; its accounts share it", "assumed"),
    Rule("Rejected requests do not count toward the limit", "assumed", ("count_refused",), name="refused_count"),
    Rule("Requests while rate-limited do not prolong the wait", "assumed", ("rate_lock",), name="lock"),
    Rule("No header mentions the limit or the wait", "assumed", name="limit_headers"),
    Rule(
        "An invalid or missing access token is `access_token_invalid`",
        "recorded",
        recorded="access_token_invalid.401.json",
        name="bad_token",
    ),
    # Parameters.
    Rule("An unknown field is `invalid_params`", "assumed", name="unknown_field"),
    Rule("A wrong method is `invalid_params`", "assumed", name="wrong_method"),
    Rule("A POST to `user/info` gets HTTP 404", "live"),
    Rule("`cursor` and `max_count` are rejected in the query", "assumed", name="cursor_in_body"),
    Rule("`fields` is required in the query, for a POST too", "documented", name="fields_required"),
    Rule("All documented fields can be requested, `is_aigc` too", "documented", ("refused_fields",), name="fields"),
    Rule("A comma in `fields` may be encoded as `%2C`", "reported", ("refuse_encoded_commas",), name="encoded_commas"),
    Rule("`max_count` is 10 by default and 20 at most", "documented", name="page_size"),
    Rule(
        "`video/query` accepts up to 20 ids and drops unknown ones",
        "recorded",
        recorded="video_query_unknown_id.json",
        name="query",
    ),
    # Pages.
    Rule(
        "Newest first; `cursor` is any time in ms, and the page has videos posted before it", "documented", name="order"
    ),
    Rule('"Before" excludes the cursor\'s own second', "assumed", ("cursor_inclusive",), name="cursor_edge"),
    Rule(
        "The returned `cursor` is the time of the page's last video, on the last page too",
        "reported",
        name="last_cursor",
    ),
    Rule(
        "That cursor is create_time in ms, rounded to seconds; real milliseconds were seen live too",
        "reported",
        ("cursor_milliseconds", "cursor_form"),
        name="cursor_form",
    ),
    Rule(
        "If more videos follow, there is a cursor, and it moves",
        "documented",
        ("stuck_cursor", "gone_without_cursor"),
        name="cursor_moves",
    ),
    Rule(
        "A second is not split between two pages: a page ends before it, or grows to hold all of it",
        "assumed",
        ("split_seconds", "same_second"),
        name="seconds",
    ),
    Rule(
        "`cursor` 0 starts at the newest video; a page after the oldest has `cursor` 0", "assumed", name="cursor_zero"
    ),
    Rule(
        "Pages are full while more follow; short and empty ones were documented for v1",
        "assumed",
        ("short_pages", "empty_pages", "empty_first_page"),
        name="full_pages",
    ),
    Rule(
        "An empty account: `cursor` 0, `has_more` false, no videos",
        "recorded",
        recorded="video_list_empty_account.json",
        name="empty_account",
    ),
    Rule(
        "A pinned video comes on top of the first page and at its own position (`account.pin`), beyond `max_count`",
        "assumed",
        ("pins_counted",),
        name="pinned",
    ),
    # Records.
    Rule(
        "Photo posts have `duration` 0 and a `/video/` URL; captions exceed 150 characters",
        "recorded",
        recorded="video_rows_photo_and_video.json",
        name="photos",
    ),
    Rule("No caption is an empty `title`", "recorded", recorded="video_object.json"),
    Rule('An empty bio is `""`', "recorded", recorded="user_info_basic_profile_stats.json"),
    Rule("`open_id` is a UUID or starts with `-000` or `_000`", "recorded"),
    Rule(
        "Ids are strings of 19 digits; numbers are reported",
        "recorded",
        ("ids_as_numbers",),
        "video_object.json",
        name="ids",
    ),
    Rule(
        "The upper 32 bits of an id are its create_time; recorded ids lag it by 3 to 59 s",
        "assumed",
        ("id_lag",),
        name="id_time",
    ),
    Rule("No field is null", "assumed", name="nulls"),
    Rule("No field is absent; `view_count` of older videos was seen absent live", "assumed", ("missing_counts",)),
    Rule("`video_count` is the number of listed videos", "documented", name="video_count"),
    # Tokens.
    Rule(
        "A token response is flat and has seven fields (`token_response` changes them)",
        "recorded",
        recorded="token_refresh.json",
        name="token_response",
    ),
    Rule(
        "Access tokens expire after 2 h, refresh tokens after 180 days",
        "documented",
        ("access_token_lifetime", "refresh_token_lifetime"),
        name="lifetimes",
    ),
    Rule(
        "A refresh rotates the refresh token: the old one becomes invalid; until mid-2026 it could come back unchanged",
        "documented",
        ("rotate_refresh_tokens",),
        name="rotation",
    ),
    Rule(
        "A refresh does not extend the refresh token's lifetime",
        "recorded",
        ("refresh_prolongs",),
        "token_refresh.json",
        name="prolonging",
    ),
    Rule("After a refresh, earlier access tokens stay valid until they expire", "assumed"),
    Rule("Token errors come with HTTP 400; 200 was seen live", "assumed", ("token_error_status",), name="token_errors"),
    Rule(
        'An invalid refresh token: `invalid_grant`, "Refresh token is invalid or expired."',
        "recorded",
        recorded="token_invalid_grant.json",
    ),
    Rule("The token endpoint, rate-limited: `log_id` and `open_id` only (fault `token_limited`)", "live"),
    Rule("The token endpoint accepts forms only, with `client_key`, not `client_id`", "documented", name="token_forms"),
    Rule("A charset in the form's content type is ignored; it was seen rejected live", "assumed", name="token_charset"),
    Rule("A wrong client secret is `invalid_client`", "assumed", name="wrong_client"),
    Rule("Using an old refresh token does not invalidate the new one", "assumed", name="old_token"),
    # Authorization.
    Rule("A code works once, with the same redirect_uri", "documented"),
    Rule("A code works for 5 minutes, and a failed attempt uses it up", "assumed"),
    Rule("PKCE: hexadecimal SHA-256, `S256`, required for redirects to localhost", "documented"),
    Rule("A wrong verifier is `invalid_grant`", "assumed"),
    Rule(
        "A web redirect_uri is https and absolute; one on localhost has a port; neither has a query or a fragment",
        "documented",
    ),
    Rule("Requesting a scope that the app doesn't have fails the authorization", "reported", ("app_scopes",)),
    Rule("A person can deny single scopes", "documented"),
    Rule("`user.info.basic` cannot be denied", "assumed"),
)
