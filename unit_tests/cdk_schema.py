"""The CDK's schema of manifests, parsed once for all tests: each source that is made parses its YAML anew, in 0.1 s."""

from functools import cache

from airbyte_cdk.sources.declarative import concurrent_declarative_source

OWNER, NAME = concurrent_declarative_source, "get_declarative_component_schema"
parsed_once = cache(concurrent_declarative_source.get_declarative_component_schema)
