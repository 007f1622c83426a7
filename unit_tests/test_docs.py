"""The documentation against what it describes: manifest, code, versions, files."""

import ast
import importlib.util
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from source_tiktok_organic.source import load_manifest
from unit_tests import markdown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGE = DOCS / "integrations" / "sources" / "tiktok-organic.md"
DEPLOY = DOCS / "deploy.md"
README = ROOT / "README.md"
PACKAGE = ROOT / "source_tiktok_organic"
TEXT = re.sub(r"\s+", " ", PAGE.read_text())

MANIFEST = load_manifest()
SPEC = MANIFEST["spec"]["connection_specification"]
STREAMS: dict[str, Any] = MANIFEST["definitions"]["streams"]

# Airbyte's template; between the headings before and after a "…" others may stand.
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
# What Airbyte's checks want at the beginning of a section, word for word.
OPENINGS = {
    "## Set up the TikTok Organic connector in Airbyte": """
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


def properties(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, definition in schema["properties"].items():
        yield path + name, definition
        for option in definition.get("oneOf", []):
            yield from properties(option, f"{path}{name}.")


def table(text: str, first: str) -> dict[str, list[str]]:
    """The rows of the tables whose first header is `first`, by their first cell without backticks."""
    found: dict[str, list[str]] = {}
    inside = False
    for line in text.splitlines():
        if not line.strip().startswith("|"):
            inside = False
            continue
        (row,) = markdown.rows(line) or [[]]
        if inside and row:
            found[row[0].strip("`")] = row[1:]
        inside = inside or row[:1] == [first]
    return found


# --- the page's form ---


def test_given_the_page_when_its_headings_are_listed_then_airbytes_template_in_order() -> None:
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
def test_given_a_section_with_fixed_words_when_read_then_it_begins_with_them(heading: str) -> None:
    assert markdown.section(PAGE, heading).startswith(OPENINGS[heading])


def test_given_the_page_when_searched_then_one_block_that_airbytes_ui_hides() -> None:
    blocks = re.findall(r"<HideInUI>\n\n(.*)\n\n</HideInUI>\n", PAGE.read_text())
    assert len(blocks) == PAGE.read_text().count("HideInUI") / 2 == 1
    assert re.fullmatch(
        r"This page contains the setup guide and reference information for the "
        r"\[TikTok Organic\]\(https://\S+\) source connector\.",
        blocks[0],
    )


def test_given_the_page_when_airbytes_site_reads_it_then_no_brace_or_tag_that_it_would_run() -> None:
    """The site takes Markdown as MDX, where braces are code; in code blocks and spans they are not."""
    text = re.sub(r"`[^`\n]*`|<!--.*?-->", "", markdown.prose(PAGE))
    assert re.findall(r"[{}]|<(?!/?(?:HideInUI|details|summary)>)", text) == []


def test_given_the_prerequisites_when_read_then_they_name_each_required_property() -> None:
    text = markdown.section(PAGE, "## Prerequisites")
    assert [name for name in SPEC["required"] if SPEC["properties"][name]["title"] not in text] == []
    option = SPEC["properties"]["credentials"]["oneOf"][0]
    required = [option["properties"][name].get("title", "") for name in option["required"]]
    assert [title for title in required if title not in text] == []


# --- config, streams, columns ---


@pytest.mark.parametrize("path", [path for path, d in properties(SPEC) if "const" not in d])
def test_given_a_property_of_the_spec_when_looked_up_then_title_default_and_range_agree(path: str) -> None:
    documented = [
        row
        for heading in ("## Configuration", "### Properties that the connector writes")
        for row in markdown.rows(markdown.section(PAGE, heading))
        if row[1] == f"`{path}`"
    ]
    for definition in (d for p, d in properties(SPEC) if p == path):
        assert definition["title"] in [row[0] for row in documented]
        if definition.get("airbyte_hidden"):
            continue
        row = documented[0]
        assert row[2].split(",")[0] == definition["type"]
        assert ("secret" in row[2]) is bool(definition.get("airbyte_secret"))
        if "default" in definition:
            assert row[3] == f"`{definition['default']}`"
        if "minimum" in definition:
            assert row[4] == f"{definition['minimum']} to {definition['maximum']}"
        if "enum" in definition:
            assert row[4] == ", ".join(f"`{value}`" for value in definition["enum"])


def test_given_the_kinds_of_credentials_when_looked_up_then_the_page_names_each() -> None:
    text = markdown.section(PAGE, "## Configuration")
    for option in SPEC["properties"]["credentials"]["oneOf"]:
        assert option["title"] in text
        assert f"`{option['properties']['auth_type']['const']}`" in text


def test_given_the_config_tables_when_compared_with_the_spec_then_nothing_that_does_not_exist() -> None:
    text = markdown.section(PAGE, "## Configuration") + markdown.section(
        PAGE, "### Properties that the connector writes"
    )
    documented = {row[1].strip("`") for row in markdown.rows(text)} - {"key"}
    assert documented == {path for path, d in properties(SPEC) if "const" not in d}


@pytest.mark.parametrize("stream", list(STREAMS))
def test_given_a_stream_when_its_columns_are_compared_then_type_scope_null_and_description_agree(stream: str) -> None:
    fields_by_scope = STREAMS[stream]["retriever"]["requester"]["fields_by_scope"]
    scopes = {column: scope for scope, names in fields_by_scope.items() for column in names}
    schema = MANIFEST["schemas"][stream]
    documented = table(markdown.section(PAGE, f"### {stream}"), "column")
    assert list(documented) == list(schema["properties"])
    for column, definition in schema["properties"].items():
        kind = definition["type"] if isinstance(definition["type"], list) else [definition["type"]]
        expected = [kind[0], scopes.get(column, "user.info.basic"), "yes" if "null" in kind else "no"]
        assert documented[column][:3] == expected
        assert documented[column][3].startswith(definition["description"])
        assert (column in schema["required"]) is ("null" not in kind)


def test_given_the_streams_when_the_sync_modes_are_compared_then_they_agree() -> None:
    documented = table(markdown.section(PAGE, "## Supported sync modes"), "stream")
    assert list(documented) == list(STREAMS)
    for name, stream in STREAMS.items():
        cursor = stream.get("incremental_sync", {}).get("cursor_field")
        mode = ["yes", f"`{cursor}`"] if cursor else ["no", ""]
        assert documented[name] == ["yes", *mode, ", ".join(f"`{key}`" for key in stream["primary_key"])]


def test_given_the_scopes_when_compared_with_the_manifest_then_the_page_says_what_each_allows() -> None:
    documented = table(markdown.section(PAGE, "### Scopes"), "scope")
    allowed = {
        s: names
        for stream in STREAMS.values()
        for s, names in stream["retriever"]["requester"]["fields_by_scope"].items()
    }
    assert set(documented) == set(allowed)
    for scope in ("user.info.profile", "user.info.stats"):
        assert documented[scope][0] == ", ".join(f"`{column}`" for column in allowed[scope])


def test_given_the_numbers_in_the_manifest_when_searched_in_the_page_then_it_has_them() -> None:
    rate = MANIFEST["definitions"]["rates"][0]
    assert f"{rate['limit']} requests in {rate['interval'].strip('PTS')} seconds" in TEXT
    step = STREAMS["videos"]["incremental_sync"]["step"]
    days, parts = (int(n) for n in re.findall(r"max\((\d+),.*// (\d+)", step)[0])
    assert f"A window is {days} days long. For a history of more than {days * parts:,} days" in TEXT
    source = (PACKAGE / "source.py").read_text()
    (small,) = re.findall(r"SMALL_ACCOUNT_VIDEOS = (\d+)", source)
    assert f"An account with up to {small} public videos is read in one window" in TEXT
    (warning,) = re.findall(r"SIGN_IN_WARNING = timedelta\(days=(\d+)\)", source)
    assert f"From {warning} days before, each sync warns" in TEXT
    assert MANIFEST["definitions"]["error_handler"]["max_retries"] + 1 == 7
    assert "is tried seven times, with waits of 1, 2, 4, 8, 16 and 32 s" in TEXT


# --- versions, links, commands ---


def test_given_the_versions_when_compared_then_pyproject_metadata_and_changelog_agree() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["poetry"]["version"]
    data = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]
    newest, *_ = table(markdown.section(PAGE, "## Changelog"), "Version").items()
    assert (version, newest[0]) == (data["dockerImageTag"], data["dockerImageTag"])
    assert newest[1][0] == str(data["releaseDate"])
    assert f"the tag `{version}`" in TEXT


@pytest.mark.parametrize("path", [README, PAGE, DEPLOY, ROOT / "AGENTS.md"], ids=lambda path: path.name)
def test_given_a_document_when_its_links_are_followed_then_each_leads_somewhere(path: Path) -> None:
    dead = []
    for link in markdown.links(path):
        target, _, anchor = link.partition("#")
        if target.startswith("https://"):
            continue
        file = (path.parent / target).resolve() if target else path
        if not file.exists() or (anchor and anchor not in markdown.anchors(file)):
            dead.append(link)
    assert dead == []


def test_given_the_readme_when_read_then_both_streams_and_every_property() -> None:
    text = README.read_text()
    assert [name for name in [*STREAMS, *SPEC["properties"]] if f"`{name}`" not in text] == []


@pytest.mark.parametrize("path", [README, PAGE, DEPLOY], ids=lambda path: path.name)
def test_given_a_document_when_its_commands_are_looked_up_then_each_exists(path: Path) -> None:
    text = path.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    scripts = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["poetry"]["scripts"])
    called = re.findall(r"^\s*\$ (\S+)", text, re.MULTILINE)
    ours = {name for name in called if "tiktok" in name}
    assert ours <= scripts
    assert set(re.findall(r"[$`]\s?make ([a-z-]+)", text)) <= targets
    commands = re.findall(r"^\$ source-tiktok-organic (\w+)", text, re.MULTILINE)
    assert set(commands) <= {"spec", "check", "discover", "read"}


def test_given_the_options_of_the_sign_in_when_compared_then_the_page_has_each() -> None:
    options = set(re.findall(r'add\("(--[\w-]+)"', (PACKAGE / "sign_in" / "command.py").read_text()))
    documented = {name.split()[0] for name in table(markdown.section(PAGE, "### Sign in with the command"), "option")}
    assert documented == options


# --- scripts and the skill file ---


@pytest.mark.parametrize("script", markdown.code_blocks(DEPLOY, "python"), ids=["duckdb", "postgres", "bigquery"])
def test_given_a_script_in_the_docs_when_compiled_then_python_that_defines_its_cache(script: str) -> None:
    names = [node.name for node in ast.parse(script).body if isinstance(node, ast.FunctionDef)]
    assert "cache_for" in names


@pytest.mark.skipif(not importlib.util.find_spec("airbyte"), reason="PyAirbyte is not installed")
@pytest.mark.parametrize("script", markdown.code_blocks(DEPLOY, "python")[1:], ids=["postgres", "bigquery"])
def test_given_a_cache_in_the_docs_when_compared_with_pyairbyte_then_it_takes_each_argument(script: str) -> None:
    caches = importlib.import_module("airbyte.caches")
    (call,) = [
        n for n in ast.walk(ast.parse(script)) if isinstance(n, ast.Call) and ast.unparse(n.func).endswith("Cache")
    ]
    fields = getattr(caches, ast.unparse(call.func)).model_fields
    known = {name for field, info in fields.items() for name in (field, info.alias)}
    assert {keyword.arg for keyword in call.keywords} <= known


def test_given_the_skill_file_when_made_anew_then_it_is_current() -> None:
    skill = runpy.run_path(str(DOCS / "generate.py"))
    assert skill["SKILL"].read_text() == skill["skill"](), "run `make docs`"


def test_given_the_skill_file_when_read_alone_then_nothing_leads_out_of_it() -> None:
    path = DOCS / "tiktok-organic-skill.md"
    assert [link for link in markdown.links(path) if not link.startswith("https://")] == []
    text = path.read_text()
    names = [*STREAMS, *(column for schema in MANIFEST["schemas"].values() for column in schema["properties"])]
    names += [path for path, d in properties(SPEC)]
    assert [name for name in names if f"`{name}`" not in text and f"### {name}\n" not in text] == []


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda path: path.name)
def test_given_a_document_when_searched_then_nothing_that_exists_on_one_machine_only(path: Path) -> None:
    assert re.findall(r"/home/|/roo[t]/|/wor[k]/|/tmp/|localhost:\d{5}", path.read_text()) == []
