"""The start of a command: what `quick_import` saves, and that it restores what it patches."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.thorough

COUNT = """
import attributes_doc, gc, inspect
from pydantic.v1 import class_validators
read, getsource, describe = [], inspect.getsource, attributes_doc.get_attributes_doc
made, make = [], class_validators.make_generic_validator
inspect.getsource = lambda thing: read.append(thing) or getsource(thing)
class_validators.make_generic_validator = lambda validator: made.append(validator) or make(validator)
counted = class_validators.make_generic_validator
import {module}
restored = class_validators.make_generic_validator is counted and attributes_doc.get_attributes_doc is describe
print(len(read), len(made) - len({{*made}}), gc.isenabled(), restored)
"""
WITHOUT_LIBRARY = """
import sys
sys.modules["attributes_doc"] = sys.modules["pydantic.v1"] = None
from source_tiktok_organic.startup import quick_import
with quick_import():
    print("imported")
"""


def run_python(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout


def test_command_start_does_no_work_twice() -> None:
    assert run_python(COUNT.format(module="source_tiktok_organic.run")) == "0 0 True True\n"


def test_plain_cdk_import_still_does_work_twice() -> None:
    """Once it no longer does, `quick_import` can be removed."""
    parsed, made_again, *_ = run_python(COUNT.format(module="airbyte_cdk")).split()
    assert (int(parsed) > 0, int(made_again) > 0) == (True, True)


def test_quick_import_needs_none_of_the_libraries() -> None:
    assert run_python(WITHOUT_LIBRARY) == "imported\n"
