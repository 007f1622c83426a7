"""A pytest plugin that gives the connector of Airbyte's standard tests its config.

They make the connector without arguments, while a low-code connector of CDK 7 takes its config from the constructor and
ignores the one handed to `check`, `discover` and `read`.
"""

from airbyte_cdk.test.models import ConnectorTestScenario
from airbyte_cdk.test.standard_tests.source_base import SourceTestSuiteBase

from source_tiktok_organic import SourceTiktokOrganic


def create_connector(cls: type[SourceTestSuiteBase], scenario: ConnectorTestScenario | None) -> SourceTiktokOrganic:
    """The source for a scenario's config; without a scenario it can still print its spec."""
    if scenario is None:
        return SourceTiktokOrganic()
    root = cls.get_connector_root_dir()
    return SourceTiktokOrganic(config=scenario.get_config_dict(connector_root=root, empty_if_missing=True))


def pytest_configure() -> None:
    """Put it in the place of the suite's own."""
    SourceTestSuiteBase.create_connector = classmethod(create_connector)  # type: ignore[method-assign,assignment]
