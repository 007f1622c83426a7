"""Runs Airbyte's own test tools on this connector, each in an environment of its own; see `make airbyte-tests`."""
