"""Runs Airbyte's own test tools on this connector, each in its own environment; see `make airbyte-tests`."""
