"""The files for GitHub, pre-commit and contributors: what they name exists, in the same versions."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from unit_tests import markdown

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
PATHS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS: dict[str, Any] = {path.stem: yaml.safe_load(path.read_text()) for path in PATHS}
WITHOUT_SECRETS = ("tests", "weekly")


def jobs(*names: str) -> list[dict[str, Any]]:
    return [job for name in names for job in WORKFLOWS[name]["jobs"].values()]


def commands(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job.get("steps", ()) if "run" in step]


def test_tests_are_one_script_with_targets() -> None:
    for job in jobs(*WITHOUT_SECRETS):
        (command,) = commands(job)
        called = command.partition(".ci/run")[2].replace("${{ matrix.targets }}", "")
        chosen = job.get("strategy", {}).get("matrix", {}).get("targets", ())
        assert ".ci/run" in command
        assert {*called.split(), *" ".join(chosen).split()} <= TARGETS


def test_tests_run_on_each_python() -> None:
    matrix = WORKFLOWS["tests"]["jobs"]["python"]["strategy"]["matrix"]["python"]
    setups = [step["with"]["python-version"] for step in WORKFLOWS["tests"]["jobs"]["everything"]["steps"][1:2]]
    first, end = re.findall(r'^python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[0]
    assert sorted([*matrix, *setups]) == [f"3.{minor}" for minor in range(int(first), int(end))]


def test_weekly_reads_into_postgres_too() -> None:
    """Where Postgres is missing its tests would be skipped without a word."""
    assert "sync-test" in WORKFLOWS["weekly"]["jobs"]["thorough"]["strategy"]["matrix"]["targets"]
    script = (ROOT / ".ci" / "run").read_text()
    assert re.findall(r"^ +sync-test\) .* \|\| install (.*) ;;$", script, re.MULTILINE) == ["postgresql"]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_commits(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text())
    assert used
    assert [u for u in used if not re.fullmatch(r"\./.*|[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", u)] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_may_only_read_by_default(name: str) -> None:
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    assert all(job.get("timeout-minutes") or "uses" in job for job in jobs(name))


def test_tests_need_no_secret_and_no_right() -> None:
    for name in WITHOUT_SECRETS:
        text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text()
        assert re.findall(r"secrets\.|github\.token|: write", text) == []
    assert "pull_request_target" not in WORKFLOWS["tests"][True]  # YAML reads `on` as a boolean


def test_pre_commit_has_the_same_versions() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    pins = {pin for hook in hooks for pin in hook["additional_dependencies"]}
    locked = {line.partition(" ")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert pins - locked == set(re.findall(r"^ACTIONLINT = (.*)", MAKEFILE, re.MULTILINE))
    assert {hook["id"] for hook in hooks} == {"ruff-check", "ruff-format", "mypy", "actionlint"}


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_documents_of_the_repository_name_what_exists(name: str) -> None:
    path = ROOT / name
    text = re.sub(r"<!--.*?-->", "", path.read_text(), flags=re.DOTALL)
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= TARGETS
    assert [
        link for link in markdown.links(path) if not link.startswith("https://") and not (ROOT / link).exists()
    ] == []


def test_claude_reads_what_agents_read() -> None:
    assert (ROOT / "CLAUDE.md").resolve() == (ROOT / "AGENTS.md").resolve()


# --- a release ---

RELEASE = WORKFLOWS["release"]["jobs"]


def notes_of(version: str) -> subprocess.CompletedProcess[str]:
    """What the workflow writes into the release's notes for a tag."""
    run = "\n".join(commands(RELEASE["package"]))
    (line,) = re.findall(r"^ *(python docs/changelog\.py .*) > notes\.md$", run, re.MULTILINE)
    env = {**os.environ, "GITHUB_REF_NAME": f"v{version}", "PYTHON": sys.executable}
    script = line.replace("python ", '"$PYTHON" ', 1)
    return subprocess.run(["bash", "-c", script], cwd=ROOT, env=env, capture_output=True, text=True)


def test_release_notes_are_the_versions_section() -> None:
    (version,) = re.findall(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    lines = (ROOT / "CHANGELOG.md").read_text().splitlines()
    (start,) = (number for number, line in enumerate(lines) if line.startswith(f"## [{version}]"))
    end = next((n for n, line in enumerate(lines) if n > start and line.startswith("## ")), len(lines))

    done = notes_of(version)

    assert (done.returncode, done.stdout.strip()) == (0, "\n".join(lines[start + 1 : end]).strip())
    assert len(done.stdout.splitlines()) > 3


def test_a_version_without_a_section_ends_the_release() -> None:
    done = notes_of("9.9.9")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "CHANGELOG.md has no version 9.9.9.\n")


def test_nothing_is_published_before_the_tests() -> None:
    needed = {name: job.get("needs", []) for name, job in RELEASE.items()}
    assert needed["package"] == "tests"
    assert "package" in needed["pypi"]
    assert RELEASE["tests"]["uses"] == "./.github/workflows/tests.yml"


def test_a_release_is_attested_without_a_secret() -> None:
    attested = {
        name: [step["with"] for step in job.get("steps", ()) if step.get("uses", "").startswith("actions/attest@")]
        for name, job in RELEASE.items()
    }
    assert {name: len(steps) for name, steps in attested.items() if steps} == {"package": 2, "image": 1}
    assert [step["subject-path"] for step in attested["package"]] == ["dist/*"] * 2
    assert all(RELEASE[name]["permissions"]["attestations"] == "write" for name in ("package", "image"))
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert set(re.findall(r"secrets\b|\$\{\{ *[\w.]*token[\w.]* *\}\}", text)) == {"${{ github.token }}"}


# --- documents ---


def test_a_bug_report_asks_for_the_message_and_no_config() -> None:
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text())
    fields = [item for item in form["body"] if item["type"] != "markdown"]
    assert {item["type"] for item in form["body"]} <= {"markdown", "input", "textarea", "dropdown", "checkboxes"}
    (message,) = (item for item in fields if item["id"] == "message")
    assert message["validations"] == {"required": True}
    assert "from the log" in message["attributes"]["description"]
    asked = [f"{field['attributes']['label']} {field['attributes'].get('description')}" for field in fields]
    assert [text for text in asked if re.search("config|token|secret|credential", text, re.IGNORECASE)] == []


def test_contributing_lists_the_streams_and_their_cursors() -> None:
    manifest = yaml.safe_load((ROOT / "source_tiktok_organic" / "manifest.yaml").read_text())
    rows = markdown.rows(markdown.section(ROOT / "CONTRIBUTING.md", "## Incremental Stream Considerations"))
    listed = {row[0]: row[rows[0].index("Cursor Field")] for row in rows[1:]}
    streams = manifest["definitions"]["streams"]
    names = [reference.rpartition("/")[2] for reference in manifest["streams"]]
    assert listed == {name: streams[name].get("incremental_sync", {}).get("cursor_field", "none") for name in names}
