"""The start of a command: what `quick_import` saves, and that it leaves nothing behind."""

import subprocess
import sys

READ_SOURCES = """
import attributes_doc, gc, inspect
read, getsource, describe = [], inspect.getsource, attributes_doc.get_attributes_doc
inspect.getsource = lambda thing: read.append(thing) or getsource(thing)
import {module}
print(len(read), gc.isenabled(), attributes_doc.get_attributes_doc is describe)
"""
WITHOUT_LIBRARY = """
import sys
sys.modules["attributes_doc"] = None
from source_tiktok_organic.startup import quick_import
with quick_import():
    print("imported")
"""


def run_python(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout


def test_command_starts_without_parsing_sources() -> None:
    assert run_python(READ_SOURCES.format(module="source_tiktok_organic.run")) == "0 True True\n"


def test_plain_import_of_the_cdk_still_parses_them() -> None:
    """When it no longer does, `quick_import` has lost half of its reason."""
    assert int(run_python(READ_SOURCES.format(module="airbyte_cdk")).split()[0]) > 0


def test_import_needs_no_library_of_descriptions() -> None:
    assert run_python(WITHOUT_LIBRARY) == "imported\n"
