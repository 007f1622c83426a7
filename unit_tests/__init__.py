from contextlib import suppress

from source_tiktok_organic.startup import quick_import

with suppress(ImportError), quick_import():  # some tools run without the CDK
    import airbyte_cdk  # noqa: F401  # before a test module does so, more slowly
