variable "airbyte_url" {
  description = "Airbyte's public API, for example https://airbyte.example.com/api/public/v1."
  type        = string
}

variable "airbyte_client_id" {
  description = "Client id of an application in Airbyte."
  type        = string
  sensitive   = true
}

variable "airbyte_client_secret" {
  description = "Client secret of the application in Airbyte."
  type        = string
  sensitive   = true
}

variable "workspace_id" {
  description = "The Airbyte workspace for all sources and connections."
  type        = string
}

variable "destination_id" {
  description = "An existing destination, to which all accounts are written."
  type        = string
}

variable "image_repository" {
  description = "Where Airbyte pulls the connector's image from, without the tag: REPOSITORY of make image."
  type        = string
  default     = "airbyte/source-tiktok-organic"
}

variable "connector_version" {
  description = "Tag of the image: TAG of make image."
  type        = string
  default     = "0.2.0"
}

variable "tiktok_client_key" {
  description = "Client key of your app on TikTok for Developers. Only new sources need it."
  type        = string
  default     = "kept by Airbyte"
  sensitive   = true
}

variable "tiktok_client_secret" {
  description = "Client secret of your app on TikTok for Developers. Only new sources need it."
  type        = string
  default     = "kept by Airbyte"
  sensitive   = true
}

# Add new accounts at the end, because an account's position in the list sets its schedule. To remove an account, see
# docs/deploy.md: `prevent_destroy` blocks it at first.
variable "accounts" {
  description = "The accounts to sync, in the order of their schedules."
  type = list(object({
    name                 = string                 # of the source and the connection, and the key of refresh_tokens
    start_date           = optional(string)       # YYYY-MM-DD; default: all videos
    lookback_window_days = optional(number)       # days of videos whose counts are read again in each sync
    additional_full_sync = optional(string)       # never, weekly (Sunday) or monthly (the 1st)
    namespace            = optional(string)       # schema or data set in the destination; default: the destination's own
    prefix               = optional(string, "")   # in front of the table names
    streams              = optional(list(string)) # default: user_info and videos
  }))

  validation {
    condition     = length(distinct(var.accounts[*].name)) == length(var.accounts)
    error_message = "Each account needs a name of its own."
  }
}

# Not in `accounts`, because Terraform can't create one resource per account from a secret. Both maps need only the
# accounts that this run adds.
variable "refresh_tokens" {
  description = "The refresh token of each new account, by the account's name, from tiktok-organic-sign-in."
  type        = map(string)
  default     = {}
  sensitive   = true
}

variable "access_tokens" {
  description = "The access token of each new account, from the same file."
  type        = map(string)
  default     = {}
  sensitive   = true
}

variable "first_sync_at" {
  description = "When the first account is synced each day, HH:MM in UTC."
  type        = string
  default     = "02:00"

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", var.first_sync_at))
    error_message = "first_sync_at must look like 02:00."
  }
}

variable "minutes_between_accounts" {
  description = "How many minutes after one account the next one starts."
  type        = number
  default     = 2

  validation {
    condition     = var.minutes_between_accounts >= 1 && floor(var.minutes_between_accounts) == var.minutes_between_accounts
    error_message = "minutes_between_accounts must be a whole number, at least 1."
  }
}
