"""The command `tiktok-organic-sign-in`, a separate program: the connector does not need it, and it needs no CDK.

command.py runs it, login_kit.py speaks OAuth with TikTok, callback.py waits for the browser, config_file.py writes the
result, doctor.py is `--check`, facts.py reads manifest.yaml, address.py is TIKTOK_API_BASE_URL.
"""
