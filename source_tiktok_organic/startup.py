"""Makes `import airbyte_cdk` twice as fast: it takes 2 to 4 s otherwise, in every command."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any


@contextmanager
def quick_import() -> Iterator[None]:
    """Import the CDK in this block faster, with the same result (test_startup.py).

    Half of the time goes to attribute descriptions: the CDK's serializers (serpyco_rs) parse each class's file for them
    again and again, for JSON schemas that are never used. A sixth goes to garbage collection, although an import leaves
    no garbage, and a twentieth to making the same few validators for 1,300 fields.
    """
    replaced = [(module, name, getattr(module, name), quick) for module, name, quick in _quicker()]
    for module, name, _, quick in replaced:
        setattr(module, name, quick)
    gc.disable()
    try:
        yield
    finally:
        for module, name, original, _ in replaced:
            setattr(module, name, original)
        gc.freeze()
        gc.enable()


def _quicker() -> Iterator[tuple[Any, str, Any]]:
    with suppress(ImportError):  # a later CDK may do without it
        import attributes_doc

        yield attributes_doc, "get_attributes_doc", lambda _: {}
    with suppress(ImportError):
        from pydantic.v1 import class_validators

        yield class_validators, "make_generic_validator", cache(class_validators.make_generic_validator)
