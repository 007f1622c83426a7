# One source and one connection for each account of the list.

# The connector's image, added to the workspace once. A new connector_version changes it in place, and with it the version
# of every source. Where Airbyte's registry lists the connector, use its definition id instead.
resource "airbyte_source_definition" "tiktok_organic" {
  workspace_id      = var.workspace_id
  name              = "TikTok Organic"
  docker_repository = var.image_repository
  docker_image_tag  = var.connector_version
  documentation_url = "https://docs.airbyte.com/integrations/sources/tiktok-organic"

  lifecycle {
    # Its sources, and their tokens, would be deleted with it.
    prevent_destroy = true
  }
}

resource "airbyte_source" "account" {
  for_each = { for account in var.accounts : account.name => account }

  workspace_id  = var.workspace_id
  definition_id = airbyte_source_definition.tiktok_organic.id
  name          = "TikTok ${each.key}"

  # Properties that the account doesn't set are not sent, so that the connector's defaults apply.
  configuration = jsonencode(merge(
    {
      credentials = {
        auth_type     = "oauth2.0"
        client_key    = var.tiktok_client_key
        client_secret = var.tiktok_client_secret
        # Only a new source needs its tokens. Those of the others are in Airbyte, and change with every refresh.
        refresh_token = lookup(var.refresh_tokens, each.key, "kept by Airbyte")
        # Airbyte requires it, if only empty. With it, a connection test doesn't use up the refresh token.
        access_token = lookup(var.access_tokens, each.key, "")
      }
    },
    {
      for key in ["start_date", "lookback_window_days", "additional_full_sync"] :
      key => each.value[key] if each.value[key] != null
    },
  ))

  lifecycle {
    # Terraform creates a source and never changes it again. The refresh token can be used only once: Airbyte stores each
    # new one in the source, and Terraform's state still has the first. `ignore_changes = [configuration]` is not enough:
    # any other change, even of the name, sends all of the source, with the used token of the state.
    ignore_changes = all
    # A replaced source starts with a used token, and its new connection without a state.
    prevent_destroy = true

    precondition {
      condition     = length(var.accounts) * var.minutes_between_accounts <= local.minutes_of_a_day
      error_message = "The accounts do not fit into one day: make minutes_between_accounts smaller."
    }

    precondition {
      condition     = !contains(keys(var.refresh_tokens), each.key) || var.tiktok_client_key != "kept by Airbyte"
      error_message = "A new source needs tiktok_client_key and tiktok_client_secret in addition to its tokens."
    }
  }
}

# Never two connections on one source: two syncs of one account that run at the same time both use the refresh token, and
# only one of them gets the next.
resource "airbyte_connection" "account" {
  for_each = { for account in var.accounts : account.name => account }

  name           = "TikTok ${each.key}"
  source_id      = airbyte_source.account[each.key].source_id
  destination_id = var.destination_id

  namespace_definition = each.value.namespace == null ? "destination" : "custom_format"
  namespace_format     = each.value.namespace
  prefix               = each.value.prefix

  # New columns of a later version of the connector are added; a removed one stays.
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

  lifecycle {
    # The state of the account is lost with its connection.
    prevent_destroy = true
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
