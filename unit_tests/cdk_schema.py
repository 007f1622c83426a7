"""The CDK's manifest schema, parsed once for all tests: otherwise each new source parses its YAML again, in 0.1 s."""

from functools import cache

from airbyte_cdk.sources.declarative import concurrent_declarative_source

OWNER, NAME = concurrent_declarative_source, "get_declarative_component_schema"
parsed_once = cache(concurrent_declarative_source.get_declarative_component_schema)
