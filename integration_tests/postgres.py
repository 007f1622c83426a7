"""A PostgreSQL server for one test; `apt-get install postgresql` installs the programs."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER, PASSWORD, DATABASE = "tiktok", "not-a-secret", "marketing"


@contextmanager
def postgres() -> Iterator[int]:
    """The port of a server on this machine with an empty database."""
    folder = Path(tempfile.mkdtemp(prefix="tiktok-organic-postgres-"))
    try:
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        shutil.chown(folder, *_owner())
        data, port = folder / "data", _free_port()
        _program(
            "initdb", "-D", data, "-U", USER, "--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "-E", "UTF8"
        )
        options = f"-p {port} -k {folder} -c listen_addresses=localhost"
        _program("pg_ctl", "-D", data, "-l", folder / "log", "-o", options, "-w", "start")
        try:
            _program("createdb", "-h", "localhost", "-p", str(port), "-U", USER, DATABASE)
            yield port
        finally:
            _program("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _owner() -> tuple[str | int, str | int]:
    """The owner of the server, which refuses to run as root."""
    return ("postgres", "postgres") if os.geteuid() == 0 else (os.geteuid(), os.getegid())


def _program(name: str, *arguments: str | Path) -> None:
    found = [*sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), shutil.which(name)]
    assert found[0], f"PostgreSQL's {name} is not installed: apt-get install postgresql"
    as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    env = {**os.environ, "PGPASSWORD": PASSWORD, "LC_ALL": "C.UTF-8"}
    command = [*as_owner, found[0], *arguments]
    finished = subprocess.run(
        command, env=env, cwd="/", capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
