# One source and one connection for each account of the list.

# The connector's image, made known to the workspace once. Where Airbyte's registry lists the connector, take its
# definition id from there instead.
resource "airbyte_source_definition" "tiktok_organic" {
  workspace_id      = var.workspace_id
  name              = "TikTok Organic"
  docker_repository = "airbyte/source-tiktok-organic"
  docker_image_tag  = var.connector_version
  documentation_url = "https://docs.airbyte.com/integrations/sources/tiktok-organic"
}

resource "airbyte_source" "account" {
  for_each = { for account in var.accounts : account.name => account }

  workspace_id  = var.workspace_id
  definition_id = airbyte_source_definition.tiktok_organic.id
  name          = "TikTok ${each.key}"

  # Properties left out of the account are left out here, so that the connector's own defaults hold.
  configuration = jsonencode(merge(
    {
      credentials = {
        auth_type     = "oauth2.0"
        client_key    = var.tiktok_client_key
        client_secret = var.tiktok_client_secret
        refresh_token = var.refresh_tokens[each.key]
      }
    },
    {
      for key in ["start_date", "lookback_window_days", "additional_full_sync"] :
      key => each.value[key] if each.value[key] != null
    },
  ))

  lifecycle {
    # TikTok replaces the refresh token at every use, and Airbyte stores the new one in the source. Terraform knows only
    # the first and would put it back, which would end the access. To change the configuration, or after a new sign-in,
    # replace the source: terraform apply -replace='airbyte_source.account["<name>"]', with a fresh token.
    ignore_changes = [configuration]

    precondition {
      condition     = length(var.accounts) * var.minutes_between_accounts <= local.minutes_of_a_day
      error_message = "The accounts do not fit into one day: make minutes_between_accounts smaller."
    }
  }
}

# Never two connections on one source: two syncs of one account that run at the same time both use up the refresh token,
# and only one of them gets the next.
resource "airbyte_connection" "account" {
  for_each = { for account in var.accounts : account.name => account }

  name           = "TikTok ${each.key}"
  source_id      = airbyte_source.account[each.key].source_id
  destination_id = var.destination_id

  namespace_definition = each.value.namespace == null ? "destination" : "custom_format"
  namespace_format     = each.value.namespace
  prefix               = each.value.prefix

  # New columns of a later version of the connector come along; a removed one stays.
  non_breaking_schema_updates_behavior = "propagate_columns"

  schedule = {
    schedule_type   = "cron"
    cron_expression = local.cron_of_account[each.key]
  }

  configurations = {
    streams = [
      for stream in local.streams : stream
      if each.value.streams == null || contains(coalesce(each.value.streams, []), stream.name)
    ]
  }
}

locals {
  streams = [
    # One row a sync: appended, the rows are the history of the follower counts.
    { name = "user_info", sync_mode = "full_refresh_append", cursor_field = null, primary_key = null },
    # One row a video, with the counts of its last sync.
    { name = "videos", sync_mode = "incremental_deduped_history", cursor_field = ["create_time"], primary_key = [["id"]] },
  ]
}

output "schedules" {
  description = "When each account is synced, as Airbyte's cron expression in UTC."
  value       = local.cron_of_account
}
