# All accounts share the app's rate limit, and syncs don't know about each other. So each account starts some minutes after
# the one before it. A daily sync of a few hundred recent videos takes seconds. Only the first sync of a large account takes
# longer; when syncs overlap, TikTok rate-limits some requests, and the connector waits and retries.
locals {
  minutes_of_a_day = 24 * 60
  first_minute     = tonumber(split(":", var.first_sync_at)[0]) * 60 + tonumber(split(":", var.first_sync_at)[1])

  minute_of_account = {
    for place, account in var.accounts :
    account.name => (local.first_minute + place * var.minutes_between_accounts) % local.minutes_of_a_day
  }

  # Airbyte's cron has seconds first: second, minute, hour, day of month, month, day of week.
  cron_of_account = {
    for name, minute in local.minute_of_account : name => "0 ${minute % 60} ${floor(minute / 60)} * * ?"
  }
}
