from source_tiktok_organic.startup import quick_import

with quick_import():
    import airbyte_cdk  # noqa: F401  # before any test module does so in three times the time
