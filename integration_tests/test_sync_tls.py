"""`make sync` into a Postgres that offers TLS: `sslmode=verify-full` of the address applies to every connection."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from integration_tests.conftest import StartSandbox
from integration_tests.test_sync import Sync
from integration_tests.warehouse import Warehouse, postgres, postgres_server

pytestmark = pytest.mark.sync_tests
HOST = "localhost"  # the name in the server's certificate, and no other
# The server records each DDL statement, and pg_stat_ssl's row of its connection.
NOTE = """
create function public.note() returns event_trigger language plpgsql as $$
    begin
        insert into public.seen
        select current_query(), ssl, version, current_setting('application_name')
        from pg_stat_ssl where pid = pg_backend_pid();
    end
$$
"""
NOTES = [
    "create table public.seen (query text, ssl boolean, version text, application_name text)",
    NOTE,
    "create event trigger note on ddl_command_end execute function public.note()",
]


def openssl(folder: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True, timeout=60)


def make_authority(folder: Path, name: str) -> None:
    """Create a certificate authority: `<name>.crt` and `<name>.key`."""
    key = f"-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout {name}.key"
    openssl(folder, f"req -x509 {key} -out {name}.crt -days 2 -subj /CN={name}")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`root.crt`, which signed `server.crt`; `stranger.crt`, which signed nothing here."""
    folder = tmp_path_factory.mktemp("certificates")
    make_authority(folder, "root")
    make_authority(folder, "stranger")
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout server.key"
    openssl(folder, f"req {key} -out server.csr -subj /CN=server")
    (folder / "names").write_text(f"subjectAltName=DNS:{HOST}\n")
    signed_by = "-CA root.crt -CAkey root.key -CAcreateserial"
    openssl(folder, f"x509 -req -in server.csr {signed_by} -days 2 -extfile names -out server.crt")
    return folder


@pytest.fixture(scope="module")
def tls_port(certificates: Path) -> Iterator[int]:
    with postgres_server(certificates) as port:
        yield port


def sync_to(folder: Path, start_sandbox: StartSandbox, warehouse: Warehouse, options: str, host: str = HOST) -> Sync:
    """A `make sync` into this warehouse, with this host and these options in the address."""
    sync = Sync(folder, start_sandbox(videos=5, years=1), warehouse)
    address = warehouse.url.replace("127.0.0.1", host)
    sync.warehouse = replace(warehouse, url=f"{address}?{options}")
    return sync


def test_address_options_reach_every_connection(
    tmp_path: Path, start_sandbox: StartSandbox, certificates: Path, tls_port: int
) -> None:
    """With a relative path: dbt runs in another folder.

    The application name shows whether a connection has the options: libpq tries TLS without them too.
    """
    warehouse = postgres(tmp_path, tls_port)
    warehouse.run(*NOTES)
    (tmp_path / "root.crt").write_bytes((certificates / "root.crt").read_bytes())
    options = "sslmode=verify-full&sslrootcert=root.crt&application_name=growth"
    sync = sync_to(tmp_path, start_sandbox, warehouse, options)
    assert sync.run() == (0, "", "")
    assert len(warehouse.rows("tiktok_organic__videos")) == 5

    seen = warehouse.run("select * from public.seen")
    assert {(row["ssl"], row["application_name"]) for row in seen} == {(True, "growth")}
    assert {row["version"] for row in seen} <= {"TLSv1.2", "TLSv1.3"}
    queries = [row["query"] for row in seen]
    for made_by, table in (("PyAirbyte", "user_info"), ("us", "tiktok_syncs"), ("dbt", "tiktok_organic__videos")):
        assert any("create" in query.lower() and table in query for query in queries), made_by


@pytest.mark.parametrize(
    ("host", "authority", "message"),
    [
        ("127.0.0.1", "root.crt", 'does not match host name "127.0.0.1"'),
        (HOST, "stranger.crt", "certificate verify failed"),
        (HOST, "nowhere.crt", "does not exist"),
    ],
    ids=["host", "authority", "no-file"],
)
def test_verify_full_rejects_an_unverified_server(
    tmp_path: Path,
    start_sandbox: StartSandbox,
    certificates: Path,
    tls_port: int,
    host: str,
    authority: str,
    message: str,
) -> None:
    """Catches a certificate that is not verified; nothing is written then."""
    warehouse = postgres(tmp_path, tls_port)
    options = f"sslmode=verify-full&sslrootcert={certificates / authority}"
    sync = sync_to(tmp_path, start_sandbox, warehouse, options, host)
    code, out, err = sync.run()
    assert (code, out) == (1, "")
    assert err.startswith("brand-0: The database failed: ")
    assert message in err
    assert warehouse.run("select * from pg_namespace where nspname = 'tiktok'") == []
