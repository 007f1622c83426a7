"""FAST, Airbyte's standard tests, run against a sandbox with everything that `acceptance-test-config.yml` lists."""

from collections.abc import Iterator

import pytest
from airbyte_cdk.test.standard_tests.source_base import SourceTestSuiteBase

from integration_tests.acceptance import acceptance_sandbox
from source_tiktok_organic import SourceTiktokOrganic

pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]


@pytest.fixture(scope="module", autouse=True)
def _sandbox() -> Iterator[None]:
    with acceptance_sandbox() as sandbox, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOK_API_BASE_URL", sandbox.base_url)
        yield
    sandbox.check()


class TestSourceTiktokOrganic(SourceTestSuiteBase):
    """Run spec, check, discover and read with each config, in this process."""

    connector = SourceTiktokOrganic
