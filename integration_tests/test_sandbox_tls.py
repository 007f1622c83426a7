"""https with a certificate of its own, and the count of connections."""

from __future__ import annotations

import contextlib
import errno
import gc
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import requests

from sandbox import Sandbox
from sandbox.client import Client
from sandbox.facts import VIDEO_LIST_PATH

_TIMEOUT = 5  # s


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(videos=30, tls=True) as sandbox:
        yield sandbox


def test_tls_serves_to_a_client_with_the_certificate(running: Sandbox) -> None:
    with Client(running) as client:
        listed = [video for page in client.pages() for video in page["videos"]]

    assert running.base_url.startswith("https://127.0.0.1:")
    assert listed == running.account.videos


def test_tls_is_not_trusted_without_the_certificate(running: Sandbox) -> None:
    with pytest.raises(requests.exceptions.SSLError, match="self-signed"):
        requests.get(running.base_url, timeout=_TIMEOUT)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_certificate_holds_for_both_names_and_strict_clients(running: Sandbox, host: str) -> None:
    context = ssl.create_default_context(cafile=running.ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    url = running.base_url.replace("127.0.0.1", host) + "/_sandbox/truth"

    with urlopen(url, timeout=_TIMEOUT, context=context) as response:
        assert response.status == 200


def test_the_certificate_is_gone_after_the_stop() -> None:
    sandbox = Sandbox(videos=0, tls=True)
    before = sandbox.ca_file
    with sandbox:
        folder = Path(sandbox.ca_file).parent
        assert "PRIVATE KEY" not in Path(sandbox.ca_file).read_text()
    assert (before, folder.exists()) == ("", False)


def test_there_is_no_certificate_without_tls() -> None:
    with Sandbox(videos=0) as sandbox:
        assert (sandbox.ca_file, sandbox.base_url.partition(":")[0]) == ("", "http")


def test_a_taken_port_raises_with_tls_too(running: Sandbox) -> None:
    second = Sandbox(videos=0, tls=True, port=int(running.base_url.rpartition(":")[2]))
    with pytest.raises(OSError) as raised:  # noqa: PT011
        second.start()
    assert raised.value.errno == errno.EADDRINUSE


def test_a_reset_breaks_a_tls_connection(running: Sandbox) -> None:
    with Client(running) as client:
        running.fail(VIDEO_LIST_PATH, "reset_before")
        with pytest.raises(requests.ConnectionError):
            client.video_list()
        assert client.video_list().status_code == 200


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_connections_are_counted_and_not_requests(tls: bool) -> None:
    with Sandbox(videos=1, tls=tls) as sandbox:
        none = sandbox.connections
        with Client(sandbox) as kept:
            statuses = [kept.user_info().status_code for _ in range(3)]
            one = sandbox.connections
        for _ in range(2):
            with Client(sandbox) as fresh:
                fresh.user_info()

        assert (statuses, none, one, sandbox.connections) == ([200] * 3, 0, 1, 3)


def test_reset_counts_connections_anew() -> None:
    with Sandbox(videos=1) as sandbox, Client(sandbox) as kept:
        kept.user_info()
        sandbox.reset()
        kept.user_info()
        with Client(sandbox) as fresh:
            fresh.user_info()

        assert sandbox.connections == 1


def test_connections_met_by_the_stop_are_closed() -> None:
    for _ in range(5):
        with Sandbox(videos=0) as sandbox:
            port = int(sandbox.base_url.rpartition(":")[2])
            clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
        for client in clients:
            client.settimeout(_TIMEOUT)
            with client, contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
    gc.collect()  # What is left open says so here, and fails the test.
