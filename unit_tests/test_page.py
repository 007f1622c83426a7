"""The page beside Airbyte's form: the shape that Airbyte asks for, and the words of its screen."""

import re
import runpy
from pathlib import Path

import pytest

from integration_tests.airbyte import checkout
from source_tiktok_organic.config import load_manifest
from unit_tests import markdown

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "integrations" / "sources" / "tiktok-organic.md"
MANIFEST = load_manifest()
GENERATE = runpy.run_path(str(DOCS / "generate.py"))

# Airbyte's template; other headings may appear in place of a "…".
TEMPLATE = """
# TikTok Organic
## Prerequisites
## Setup guide
## Set up TikTok Organic
### For Airbyte Cloud:
### For Airbyte Open Source:
…
## Set up the TikTok Organic connector in Airbyte
### For Airbyte Cloud:
### For Airbyte Open Source:
…
## Supported sync modes
## Supported Streams
…
## IP allow list
### Performance considerations
## Data type map
## Limitations & Troubleshooting
…
### Tutorials
## Changelog
""".strip().splitlines()
# What Airbyte's checks require at the beginning of a section, word for word.
OPENINGS = {
    "## Set up the TikTok Organic connector in Airbyte": """
<!-- env:cloud -->
### For Airbyte Cloud:

1. [Log into your Airbyte Cloud](https://cloud.airbyte.com/workspaces) account.
2. Click Sources and then click + New source.
3. On the Set up the source page, select TikTok Organic from the Source type dropdown.
4. Enter a name for the TikTok Organic connector.
""",
    "## Supported sync modes": """
The TikTok Organic source connector supports the following [sync modes](https://docs.airbyte.com/cloud/core-concepts/#connection-sync-modes):

""",
    "## IP allow list": """
If you use Airbyte Cloud and your organization restricts access to specific IPs, add the \
[Airbyte Cloud IP addresses](https://docs.airbyte.com/platform/operating-airbyte/ip-allowlist) to your allow list.

""",
    "### Tutorials": """
Now that you have set up the TikTok Organic source connector, check out the following TikTok Organic tutorials:

""",
    "## Changelog": """
<details>
  <summary>Expand to review</summary>
""",
}

# What the page names in bold, letter by letter. Airbyte's, by their keys in the web application's en.json (Aug 2026):
AIRBYTE_CONTROLS = {
    "connectorForm.authenticate": "Authenticate your TikTok Organic account",  # with the connector's name
    "connectorForm.reauthenticate": "Re-authenticate",
    "connectorForm.manualAuth.toggle": "Set up manually",
    "onboarding.sourceSetUp.buttonText": "Set up source",
    "form.saveChangesAndTest": "Test and save",
    "form.optionalFields": "Optional fields",
    "sidebar.workspaceSettings": "Workspace settings",
    "sidebar.sources": "Sources",
    "connector.tab.custom": "Custom",
    "sources.newSource": "New source",
    "admin.newConnector": "New connector",
    "admin.newConnector.docker": "Add a new Docker connector",
    "admin.connectorName": "Connector display name",
    "admin.dockerRepository": "Docker repository name",
    "admin.dockerImageTag": "Docker image tag",
    "admin.documentationUrl": "Connector documentation URL",
    "connectionForm.questionnaire.delivery.replicateSource.title": "Replicate Source",
    "connectionForm.questionnaire.delivery.appendChanges.title": "Append Historical Changes",
    "connectionForm.questionnaire.incrementOrRefresh.increment.title": "Append New Rows and Updates Only",
    "connectionForm.questionnaire.incrementOrRefresh.refresh.title": "Append Full Snapshots",
    "connection.stream.actions.refreshStream": "Refresh stream",
    "connection.stream.actions.clearData": "Clear data",
}
# And TikTok for Developers' [docs: getting-started-create-an-app, add-a-sandbox, login-kit-web].
TIKTOK_CONTROLS = {"Manage apps", "Connect an app", "Sandbox", "Sandbox settings", "Target users", "Production"}
TIKTOK_CONTROLS |= {"Add products", "Login Kit", "Web", "Desktop", "Scopes", "Add Scopes", "Apply changes"}
TIKTOK_CONTROLS |= {"Submit for review", "Credentials", "Client key", "Client secret", "Authorize"}
# What it quotes: messages and questions of Airbyte's forms, and a control that had another name.
QUOTED = {
    "How do you want data to be delivered to the destination?",
    "OAuth login failed: errors.http.internalServerError",
    "OAuth login failed:",
    "Set up manually",
    "Setup manually",
}


def test_page_follows_airbytes_template() -> None:
    expected = iter(TEMPLATE)
    wanted, free = next(expected), False
    for heading in markdown.headings(PAGE):
        if heading == wanted:
            wanted, free = next(expected, ""), False
            if wanted == "…":
                wanted, free = next(expected), True
        else:
            assert free, f"{heading!r} stands where {wanted!r} is due"
            assert heading not in TEMPLATE
    assert not wanted


@pytest.mark.parametrize("heading", list(OPENINGS))
def test_sections_open_with_airbytes_words(heading: str) -> None:
    assert markdown.section(PAGE, heading).startswith(OPENINGS[heading])


def test_page_hides_one_block_in_airbytes_ui() -> None:
    blocks = re.findall(r"<HideInUI>\n\n(.*)\n\n</HideInUI>\n", PAGE.read_text())
    assert len(blocks) == PAGE.read_text().count("HideInUI") / 2 == 1
    assert re.fullmatch(
        r"This page contains the setup guide and reference information for the "
        r"\[TikTok Organic\]\(https://\S+\) source connector\.",
        blocks[0],
    )


def test_page_has_no_brace_or_tag_that_mdx_would_run() -> None:
    """The site renders Markdown as MDX, where braces are code, except in code blocks and spans."""
    text = re.sub(r"`[^`\n]*`|<!--.*?-->", "", markdown.prose(PAGE))
    assert re.findall(r"[{}]|<(?!/?(?:HideInUI|details|summary|FieldAnchor(?: field=\"[\w.,\[\]]+\")?)>)", text) == []


# --- the panel beside Airbyte's form, 554 pixels wide, which shows this page alone ---


def test_page_is_short_enough_for_the_panel() -> None:
    assert len(PAGE.read_text().splitlines()) < 330


def test_tables_of_the_page_fit_the_panel() -> None:
    assert {len(row) for row in markdown.rows(markdown.before(PAGE, "## Changelog"))} <= {2, 3}


def test_links_lead_into_this_repository_until_airbyte_has_it() -> None:
    """Airbyte's repository gets absolute ones: the panel takes relative links for pages of docs.airbyte.com."""
    page = checkout.with_links_to_airbyte(PAGE.read_text())
    links = re.findall(r"\]\(([^)\s]+)\)", page)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    ours = [link for link in markdown.links(PAGE) if link.startswith("../")]
    assert (len(ours) > 10, "airbytehq/airbyte/blob" in PAGE.read_text()) == (True, False)
    folder = "https://github.com/airbytehq/airbyte/blob/master/airbyte-integrations/connectors/source-tiktok-organic"
    for link in ours:
        path = (PAGE.parent / link.partition("#")[0]).resolve().relative_to(DOCS.parent)
        assert f"{folder}/{path}" in [link.partition("#")[0] for link in links]


def test_links_of_tiktok_are_in_their_new_place() -> None:
    """Those under /doc/ only lead on."""
    metadata = (DOCS.parent / "metadata.yaml").read_text()
    texts = [path.read_text() for path in [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]] + [metadata]
    assert [link for text in texts for link in re.findall(r"developers\.tiktok\.com/doc/[\w-]*", text)] == []


def test_controls_have_the_words_of_the_screen() -> None:
    text = " ".join(PAGE.read_text().split())
    named = set(re.findall(r"\*\*(.+?)\*\*", text))
    titles = {str(d["title"]) for path, d, _ in GENERATE["_properties_of"](MANIFEST, hidden=False)}
    assert named - titles == {*AIRBYTE_CONTROLS.values(), *TIKTOK_CONTROLS}
    assert named & titles == titles


def test_quotations_have_the_words_of_the_screen() -> None:
    text = re.sub(r"`[^`\n]*`|<.*?>", "", markdown.prose(PAGE))
    assert set(re.findall(r'"([^"]*)"', text)) == QUOTED


def test_help_is_highlighted_for_each_shown_field() -> None:
    """What Airbyte has hidden in a version of its own, the panel takes out before it looks for anchors."""
    anchored = [f for fields in re.findall(r'<FieldAnchor field="(.*)">', PAGE.read_text()) for f in fields.split(",")]
    shown = {path for path, _, _ in GENERATE["_properties_of"](MANIFEST, hidden=False)}
    # The form focuses the chosen option by its constant, and never the two below.
    options = MANIFEST["spec"]["connection_specification"]["properties"]["credentials"]["oneOf"]
    chosen = {f"credentials[{option['properties']['auth_type']['const']}]" for option in options}
    expected = shown - {"credentials", "credentials.auth_type"} | chosen
    assert (set(anchored), len(anchored)) == (expected, len(expected))


@pytest.mark.parametrize(("env", "other"), [("cloud", "Open Source"), ("oss", "Cloud")])
def test_panel_shows_what_is_for_its_airbyte(env: str, other: str) -> None:
    text = re.sub(rf"<!-- env:(?!{env})(\w+) -->.*?<!-- /env:\1 -->", "", PAGE.read_text(), flags=re.DOTALL)
    assert re.findall(r"<!-- /?env:(\w+)", text) == [env] * 4
    assert f"### For Airbyte {other}:" not in text


def test_prerequisites_name_each_required_property() -> None:
    text, spec = markdown.section(PAGE, "## Prerequisites"), MANIFEST["spec"]["connection_specification"]
    assert [name for name in spec["required"] if spec["properties"][name]["title"] not in text] == []
    option = spec["properties"]["credentials"]["oneOf"][0]
    required = [option["properties"][name].get("title", "") for name in option["required"]]
    assert [title for title in required if title not in text] == []


def test_known_limits_of_airbyte_are_named() -> None:
    assert [issue for issue in ("20910", "82783") if f"airbytehq/airbyte/issues/{issue}" not in PAGE.read_text()] == []
