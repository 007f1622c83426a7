import unit_tests  # noqa: F401  # which loads the CDK the quick way
