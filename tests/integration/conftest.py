"""A real PostgreSQL for the whole session, a fresh copy of a migrated database for each test, a browser."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from pipeline_support import database_url

from trendvane.warehouse import embedded, engine, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trendvane.warehouse.embedded import EmbeddedServer
    from trendvane.warehouse.engine import Warehouse

_TEMPLATE = "tpl"
_CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def pg_server() -> Iterator[EmbeddedServer]:
    """An embedded server with a migrated template database."""
    # A short path, for a Unix socket's name has at most 107 bytes; in /tmp, for the server may be another
    # user.
    directory = Path(tempfile.mkdtemp(prefix="tvpg", dir="/tmp"))
    server = embedded.start(directory)
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        _admin(server, f"ALTER SYSTEM SET {setting} = off")  # nothing here must outlive the session
    _admin(server, "SELECT pg_reload_conf()")
    _admin(server, f"CREATE DATABASE {_TEMPLATE}")
    template = engine.open(database_url(server, _TEMPLATE))
    migrate.upgrade(template)
    template.close()
    yield server
    server.stop()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def warehouse(pg_server: EmbeddedServer) -> Iterator[Warehouse]:
    """A migrated, empty warehouse of its own."""
    name = f"t{next(_numbers)}"
    _admin(pg_server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    opened = engine.open(database_url(pg_server, name), lock_timeout=20, statement_timeout=60)
    yield opened
    opened.close()
    _admin(pg_server, f"DROP DATABASE {name} WITH (FORCE)")


def _admin(server: EmbeddedServer, statement: str) -> None:
    administrator = sa.create_engine(server.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with administrator.connect() as connection:
        connection.execute(sa.text(statement))


class Opener:
    """Opens pages and notes console messages, policy violations and requests that leave the origin."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._contexts: list[Any] = []
        self.faults: list[str] = []

    def __call__(self, address: str, *, width: int = 1280, height: int = 800, scheme: str = "light") -> Any:
        context = self._browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self._contexts.append(context)
        page = context.new_page()
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self._request(request.url, origin))
        page.goto(address)
        page.set_default_timeout(15_000)
        return page

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(message.text)

    def _request(self, url: str, origin: str) -> None:
        if not url.startswith((origin, "data:")):
            self.faults.append(f"left the origin: {url}")

    def close(self) -> None:
        """Close every page that was opened."""
        for context in self._contexts:
            context.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    if not _CHROMIUM.exists():
        if os.environ.get("CI") == "true":  # noqa: TID251 - the test's own environment
            pytest.fail("missing in CI: chromium")
        pytest.skip("no chromium")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - where there is no browser, no driver

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Opener]:
    """Opens pages; anything they complain of fails the test."""
    opener = Opener(browser)
    yield opener
    opener.close()
    assert opener.faults == []
