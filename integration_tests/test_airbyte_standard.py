"""FAST, Airbyte's standard tests, over what `acceptance-test-config.yml` lists, on a sandbox."""

from collections.abc import Iterator

import pytest
from airbyte_cdk.test.standard_tests.source_base import SourceTestSuiteBase

from integration_tests.acceptance import acceptance_sandbox
from integration_tests.airbyte.constructor import create_connector

pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]


@pytest.fixture(scope="module", autouse=True)
def _sandbox() -> Iterator[None]:
    with acceptance_sandbox() as sandbox, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOK_API_BASE_URL", sandbox.base_url)
        yield
    sandbox.check()


class TestSourceTiktokOrganic(SourceTestSuiteBase):
    """Spec, check, discover and read of each config, in this process."""

    create_connector = classmethod(create_connector)  # type: ignore[assignment]
