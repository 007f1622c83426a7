"""TikTok's rules that the sandbox follows, each with how well it is known. `make live` compares them with TikTok.

Strengths, the strongest first:
- recorded: seen in a response of the real API.
- documented: on https://developers.tiktok.com/doc/overview/.
- live: seen live by somebody who wrote it down, without a recording.
- reported: third-party code or reports.
- assumed: our guess.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """What the sandbox does unless a switch says otherwise.

    Attributes:
        strength: one of those above.
        switches: names of the settings that change it.
        recorded: file in integration_tests/recorded that shows it; empty when there is none.
        name: by which the probes of `make live` that are about it name it; empty when there is none.
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
        "600 requests a minute, sliding, each endpoint on its own; some apps meet 429 far earlier",
        "documented",
        ("rate_limit", "rate_window", "rate_fixed_windows"),
        name="rate_limit",
    ),
    Rule("The limit is the app's, shared by its accounts", "assumed"),
    Rule("Refused requests do not count into the window", "assumed", ("count_refused",), name="refused_count"),
    Rule("Asking on while limited does not prolong the wait", "assumed", ("rate_lock",), name="lock"),
    Rule("No header tells of the limit or of the wait", "assumed", name="limit_headers"),
    Rule(
        "A made-up or missing access token is `access_token_invalid`",
        "recorded",
        recorded="access_token_invalid.401.json",
        name="bad_token",
    ),
    # Parameters.
    Rule("An unknown field is `invalid_params`", "assumed", name="unknown_field"),
    Rule("A wrong method is `invalid_params`", "assumed", name="wrong_method"),
    Rule("A POST to `user/info` gets HTTP 404", "live"),
    Rule("`cursor` and `max_count` are refused in the query", "assumed", name="cursor_in_body"),
    Rule("`fields` is required, in the query, also for a POST", "documented", name="fields_required"),
    Rule("All documented fields may be asked for, `is_aigc` too", "documented", ("refused_fields",), name="fields"),
    Rule("A comma in `fields` may be encoded as `%2C`", "reported", ("refuse_encoded_commas",), name="encoded_commas"),
    Rule("`max_count` is 10 unless given, and 20 at most", "documented", name="page_size"),
    Rule(
        "`video/query` takes up to 20 ids and leaves out unknown ones",
        "recorded",
        recorded="video_query_unknown_id.json",
        name="query",
    ),
    # Pages.
    Rule("Newest first; `cursor` in ms, of any time; videos posted before it", "documented", name="order"),
    Rule('"Before" leaves out the cursor\'s own second', "assumed", ("cursor_inclusive",), name="cursor_edge"),
    Rule("A returned `cursor` is that of the page's last video, also on the last page", "reported", name="last_cursor"),
    Rule(
        "That cursor is create_time in whole seconds, as ms; real milliseconds were seen live too",
        "reported",
        ("cursor_milliseconds", "cursor_form"),
        name="cursor_form",
    ),
    Rule(
        "It moves, and comes whenever more videos follow",
        "documented",
        ("stuck_cursor", "gone_without_cursor"),
        name="cursor_moves",
    ),
    Rule(
        "A second is not split between two pages: a page ends before it, or takes all of a second longer than itself",
        "assumed",
        ("split_seconds", "same_second"),
        name="seconds",
    ),
    Rule(
        "`cursor` 0 means from the newest; a page after the oldest video has `cursor` 0", "assumed", name="cursor_zero"
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
        "A pinned video comes on top of the first page besides its own place (`account.pin`), and adds to `max_count`",
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
        "The upper 32 bits of an id are its create_time, behind which recorded ids lag by 3 to 59 s",
        "assumed",
        ("id_lag",),
        name="id_time",
    ),
    Rule("No field is null", "assumed", name="nulls"),
    Rule("No field is absent; `view_count` of older videos was, seen live", "assumed", ("missing_counts",)),
    Rule("`video_count` is the number of listed videos", "documented", name="video_count"),
    # Tokens.
    Rule(
        "A token response is flat and has seven fields (`token_response` changes them)",
        "recorded",
        recorded="token_refresh.json",
        name="token_response",
    ),
    Rule(
        "Access tokens live 2 h, refresh tokens 180 days",
        "documented",
        ("access_token_lifetime", "refresh_token_lifetime"),
        name="lifetimes",
    ),
    Rule(
        "A refresh gives a new refresh token and ends the old one; until mid-2026 the old one could come back",
        "documented",
        ("rotate_refresh_tokens",),
        name="rotation",
    ),
    Rule(
        "A refresh does not prolong the refresh token's life",
        "recorded",
        ("refresh_prolongs",),
        "token_refresh.json",
        name="prolonging",
    ),
    Rule("A refresh leaves earlier access tokens working until they expire", "assumed"),
    Rule("Token errors come with HTTP 400; 200 was seen live", "assumed", ("token_error_status",), name="token_errors"),
    Rule(
        'A dead refresh token: `invalid_grant`, "Refresh token is invalid or expired."',
        "recorded",
        recorded="token_invalid_grant.json",
    ),
    Rule("A rate limit of the token endpoint: `log_id` and `open_id` only (fault `token_limited`)", "live"),
    Rule("The token endpoint takes forms only, `client_key` and not `client_id`", "documented", name="token_forms"),
    Rule("A charset behind the form's content type is ignored; refused was seen live", "assumed", name="token_charset"),
    Rule("A wrong client secret is `invalid_client`", "assumed", name="wrong_client"),
    Rule("Using an old refresh token leaves the new one alone", "assumed", name="old_token"),
    # Sign-in.
    Rule("A code works once, with the same redirect_uri", "documented"),
    Rule("A code works for 5 minutes, and a failed attempt uses it up", "assumed"),
    Rule("PKCE: hexadecimal SHA-256, `S256`, required for redirects to localhost", "documented"),
    Rule("A wrong verifier is `invalid_grant`", "assumed"),
    Rule(
        "A web redirect_uri is https and absolute; one on localhost has a port; neither has query or fragment",
        "documented",
    ),
    Rule("A scope that the app lacks makes the authorization fail", "reported", ("app_scopes",)),
    Rule("A person may refuse single scopes", "documented"),
    Rule("`user.info.basic` cannot be refused", "assumed"),
)
