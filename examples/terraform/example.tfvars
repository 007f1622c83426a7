# terraform apply -var-file=example.tfvars; the secrets come from the environment. Only a run that adds accounts needs
# TF_VAR_tiktok_client_key, TF_VAR_tiktok_client_secret, and TF_VAR_refresh_tokens='{"brand-de": "rft.…"}'.
image_repository = "registry.example.com/source-tiktok-organic"
airbyte_url      = "https://airbyte.example.com/api/public/v1"
workspace_id     = "00000000-0000-0000-0000-000000000000"
destination_id   = "00000000-0000-0000-0000-000000000000"

accounts = [
  { name = "brand-de", start_date = "2024-01-01" },
  { name = "brand-fr", start_date = "2024-01-01", additional_full_sync = "monthly" },
  { name = "founder", lookback_window_days = 90, namespace = "founder", prefix = "tiktok_", streams = ["videos"] },
]
