terraform {
  required_version = ">= 1.8"

  required_providers {
    airbyte = {
      source  = "airbytehq/airbyte"
      version = "~> 1.1"
    }
  }
}

# Airbyte's API. For an Airbyte of your own: server_url = "https://<host>/api/public/v1", and the client id and secret of
# an application (in Airbyte: your user's settings, Applications). They can also come from the environment of the run as
# TF_VAR_airbyte_client_id and TF_VAR_airbyte_client_secret.
provider "airbyte" {
  server_url    = var.airbyte_url
  client_id     = var.airbyte_client_id
  client_secret = var.airbyte_client_secret
  token_url     = "${var.airbyte_url}/applications/token"
}
