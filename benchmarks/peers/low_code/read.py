"""Runs manifest.yaml with Airbyte's CDK. Usage: read.py read --config config.json --catalog catalog.json."""

from __future__ import annotations

import sys
from pathlib import Path

from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.sources.declarative.yaml_declarative_source import YamlDeclarativeSource

if __name__ == "__main__":
    files = AirbyteEntrypoint.parse_args(sys.argv[1:])
    config = YamlDeclarativeSource.read_config(files.config)
    catalog = YamlDeclarativeSource.read_catalog(files.catalog)
    manifest = str(Path(__file__).with_name("manifest.yaml"))
    launch(YamlDeclarativeSource(manifest, catalog=catalog, config=config), sys.argv[1:])
