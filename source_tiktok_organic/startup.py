"""Makes `import airbyte_cdk` take less than half of its 2 to 4 s, for which every command waits."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

docs: Any
try:
    import attributes_doc as docs
except ImportError:  # a later serpyco_rs may do without it
    docs = SimpleNamespace(get_attributes_doc=None)


@contextmanager
def quick_import() -> Iterator[None]:
    """Import the CDK in this block, to the same effect but sooner (test_startup.py).

    Half of the time goes to descriptions of the attributes of messages: the CDK's serializers (serpyco_rs) parse each
    class's file for them, again and again, to put them into JSON schemas that nobody asks for. A sixth goes to the
    search for garbage, of which an import leaves none.
    """
    original, docs.get_attributes_doc = docs.get_attributes_doc, lambda _: {}
    gc.disable()
    try:
        yield
    finally:
        docs.get_attributes_doc = original
        gc.freeze()
        gc.enable()
