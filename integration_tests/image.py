"""Builds the connector's image and runs it without a Docker engine: with buildah, on the real base or a stand-in.

buildah and debootstrap are Debian packages; both need root. Nothing outside buildah's storage is changed.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
STAND_IN = "localhost/connector-stand-in-base"
IMAGE = "localhost/source-tiktok-organic:test"
# vfs and chroot need no kernel features, so this runs in a container as well.
ENVIRONMENT = {**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
CA_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
# Replaces `docker run` where there is no engine; the other options have the same names in buildah.
DOCKER = """#!/bin/bash
set -eu
test "$1" = run; shift
options=()
while [[ $1 = -* ]]; do
  if [ "$1" = --rm ]; then shift; else options+=("$1" "$2"); shift 2; fi
done
test "$1" = "$AS_IMAGE"; shift
exec buildah run --network host --env "TIKTOK_API_BASE_URL=$TIKTOK_API_BASE_URL" "${options[@]}" "$CONTAINER" -- \\
  source-tiktok-organic "$@"
"""
# As in Airbyte's base image: its user has no home, and two folders belong to it.
MAKE_USER = """
useradd --uid 1000 --user-group --no-create-home airbyte
mkdir -p /airbyte /config /secrets && chown airbyte:airbyte /config /secrets
"""


def buildah(*argv: str) -> str:
    """Run buildah and return what it prints.

    Raises:
        AssertionError: with the end of its log, if it fails.
    """
    done = subprocess.run(["buildah", *argv], env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"buildah {argv[0]} failed:\n{(done.stdout + done.stderr)[-3000:]}"
    return done.stdout.strip()


def missing_tools() -> list[str]:
    """The required tools that are not installed."""
    needed = ["buildah"] if "BASE_IMAGE" in os.environ else ["buildah", "debootstrap"]
    return [tool for tool in needed if shutil.which(tool) is None]


def base_image(folder: Path) -> str:
    """The image that BASE_IMAGE names, or a stand-in for Airbyte's: Debian with Python, made once in `folder`."""
    if "BASE_IMAGE" in os.environ:
        return os.environ["BASE_IMAGE"]
    known = [name for image in json.loads(buildah("images", "--json")) for name in image["names"] or []]
    if f"{STAND_IN}:latest" not in known:
        _make_stand_in(folder / "root")
    return STAND_IN


def _make_stand_in(root: Path) -> None:
    packages = "--include=python3,python3-venv,python3-pip,ca-certificates"
    mirror = [os.environ["DEBIAN_MIRROR"]] if "DEBIAN_MIRROR" in os.environ else []
    subprocess.run(["debootstrap", "--variant=minbase", packages, "bookworm", root, *mirror], check=True)
    subprocess.run(["chroot", root, "sh", "-ec", MAKE_USER], check=True)
    container = buildah("from", "scratch")
    buildah("copy", container, str(root), "/")
    buildah("commit", "--rm", container, STAND_IN)


def build(base: str) -> str:
    """Build docker/Dockerfile on `base`; pip in the build uses this machine's index and certificate authority."""
    arguments = ["--build-arg", f"BASE_IMAGE={base}"]
    if "PIP_INDEX_URL" in os.environ:
        arguments += ["--build-arg", f"PIP_INDEX_URL={os.environ['PIP_INDEX_URL']}"]
    authority = next((Path(os.environ[name]).resolve() for name in CA_VARIABLES if os.environ.get(name)), None)
    if authority:
        arguments += ["-v", f"{authority.parent}:/ca:ro", "--build-arg", f"PIP_CERT=/ca/{authority.name}"]
    buildah("bud", "--network", "host", *arguments, "-f", "docker/Dockerfile", "-t", IMAGE, ".")
    return IMAGE


def size(image: str) -> float:
    """Size of an image in MB."""
    number, unit = buildah("images", "--format", "{{.Size}}", image).split()
    return float(number) * {"kB": 0.001, "MB": 1, "GB": 1000}[unit]


def settings(image: str) -> dict[str, Any]:
    """The image's configuration: Labels, Entrypoint, Env, User, WorkingDir."""
    found: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", image))["OCIv1"]["config"]
    return found


@dataclass
class Container:
    """A container of an image, in which commands run as the image's user."""

    name: str

    def run(
        self, *command: str, mounts: Mapping[Path, str] | None = None, env: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command as the user of the image; mounted folders are read-only."""
        options = [part for host, inside in (mounts or {}).items() for part in ("-v", f"{host}:{inside}:ro")]
        options += [part for name, value in (env or {}).items() for part in ("--env", f"{name}={value}")]
        return self._buildah_run([*options, "--user", "airbyte", self.name, "--", *command])

    def _buildah_run(self, argv: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["buildah", "run", "--network", "host", *argv], env=ENVIRONMENT, capture_output=True, text=True
        )

    def writable(self) -> set[str]:
        """All files and folders that the user may write, except those that are writable on every system."""
        free = ["/proc", "/sys", "/dev", "/tmp", "/var/tmp", "/run", "/config", "/secrets"]
        prune = " -o ".join(f"-path {path}" for path in free)
        found = self.run("sh", "-c", f"find / \\( {prune} \\) -prune -o ! -type l -writable -print")
        return set(found.stdout.split())


@contextmanager
def container(image: str) -> Iterator[Container]:
    """A container of an image, which is removed afterwards."""
    name = buildah("from", image)
    try:
        yield Container(name)
    finally:
        buildah("rm", name)
