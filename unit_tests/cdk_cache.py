"""Caches what the CDK derives from the same manifest for each new source, once for all tests in a process."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

from airbyte_cdk.sources.declarative import concurrent_declarative_source as module
from airbyte_cdk.sources.utils import schema_helpers, transform
from jsonschema.exceptions import best_match
from jsonschema.validators import validator_for

_ANY_ADDRESS = "https://any.address"
_SOURCE = module.ConcurrentDeclarativeSource
_schema = cache(module.get_declarative_component_schema)
_validate, _resolve = module.validate_manifest, _SOURCE._pre_process_manifest


@contextmanager
def once() -> Iterator[None]:
    """Let the CDK parse its schema once, check each spec, and validate and resolve each manifest, once."""
    replaced = {"get_declarative_component_schema": _schema, "validate_manifest": _validated}
    with (
        mock.patch.multiple(module, **replaced),
        mock.patch.object(_SOURCE, "_pre_process_manifest", _resolved),
        mock.patch.object(schema_helpers, "validate", _validate_instance),
        mock.patch.object(transform.TypeTransformer, "__init__", _change_nothing),
    ):
        yield


def _validated(manifest: Mapping[str, Any], _: Mapping[str, Any]) -> None:
    _validate_once(json.dumps(manifest).replace(_address(manifest), _ANY_ADDRESS))


def _resolved(_: module.ConcurrentDeclarativeSource, manifest: Mapping[str, Any]) -> Any:
    address = _address(manifest)
    return json.loads(_resolve_once(json.dumps(manifest).replace(address, _ANY_ADDRESS)).replace(_ANY_ADDRESS, address))


def _address(manifest: Mapping[str, Any]) -> str:
    """The API's address, which differs for each sandbox."""
    return str(manifest["definitions"]["url_base"])


@cache
def _validate_once(manifest: str) -> None:
    _validate(json.loads(manifest), _schema())


@cache
def _resolve_once(manifest: str) -> str:
    return json.dumps(_resolve(_SOURCE.__new__(_SOURCE), json.loads(manifest)))


def _change_nothing(transformer: transform.TypeTransformer, config: transform.TransformConfig) -> None:
    """A transformer that changes nothing also creates a class of validators, and never uses it."""
    assert config is transform.TransformConfig.NoTransform
    transformer._config = config


def _validate_instance(instance: Any, schema: Mapping[str, Any]) -> None:
    """`jsonschema.validate` without checking the same schema again."""
    if error := best_match(_validator(json.dumps(schema)).iter_errors(instance)):
        raise error


@cache
def _validator(schema: str) -> Any:
    parsed = json.loads(schema)
    validator = validator_for(parsed)
    validator.check_schema(parsed)
    return validator(parsed)
