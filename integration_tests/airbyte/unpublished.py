"""Runs Airbyte's `airbyte-ops` as if this connector were unpublished: fakes the responses about it.

    python unpublished.py local connector qa --name=source-tiktok-organic

Runs in that tool's environment, not in this project's. Some of its checks compare with Docker Hub, Airbyte's registry
and the master branch of its repository, and fail with a traceback if these can't be reached. This script prints each
response that it fakes. The base image's existence is then not checked.
"""

import json
import sys
from typing import Any

import requests
from airbyte_ops_mcp import metadata_validator
from airbyte_ops_mcp.cli.app import main

CONNECTOR = "airbyte-integrations/connectors/source-tiktok-organic"
real_get = requests.get


def _fake_get(url: str, *args: Any, **kwargs: Any) -> requests.Response:
    response = requests.Response()
    if url.startswith("https://connectors.airbyte.com/files/registries/"):
        response.status_code, response._content = 200, json.dumps({"sources": [], "destinations": []}).encode()
    elif url.startswith(f"https://github.com/airbytehq/airbyte/blob/master/{CONNECTOR}/"):
        response.status_code = 200  # unit_tests/test_docs.py looks for the files in this checkout
    elif url.startswith(("https://raw.githubusercontent.com/airbytehq/", "https://registry.hub.docker.com/")):
        response.status_code = 404
    else:
        return real_get(url, *args, **kwargs)
    print(f"Faked response {response.status_code}: {url}", file=sys.stderr)  # noqa: T201
    return response


def _image_exists(image: str, *_: Any, **__: Any) -> bool:
    print(f"Not checked: whether {image} is on Docker Hub", file=sys.stderr)  # noqa: T201
    return True


if __name__ == "__main__":
    requests.get = _fake_get
    metadata_validator.is_image_on_docker_hub = _image_exists
    main()
