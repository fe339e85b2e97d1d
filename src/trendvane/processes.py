"""A small supervisor: one process tree, restarted where it breaks, gone when its parent goes.

A child watches its standard input. The supervisor holds the other end and never writes: when the supervisor
dies, whatever the cause, the operating system closes the pipe and the child stops itself. That works on every
platform and needs no pid files.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import psutil
import structlog

from trendvane.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

log = structlog.get_logger(__name__)

# A child that lived for this long has recovered; its next restart is prompt again.
_HEALTHY_SECONDS = 30.0
_MAX_PAUSE_SECONDS = 30.0
_GRACE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Child:
    """What to start: ``trendvane ARGUMENTS`` under a name, with settings on top of the environment."""

    name: str
    arguments: tuple[str, ...]
    settings: Mapping[str, str]


class _Running:
    """A started child and its recent history."""

    def __init__(self, child: Child, log_dir: Path) -> None:
        self.child = child
        self.restarts = 0
        self._log_path = log_dir / f"{child.name}.log"
        self._started = 0.0
        self._not_before = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log_path.open("ab") as output:
            self.process = self._spawn(output)
        self._started = time.monotonic()

    def _spawn(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  our own interpreter and our own arguments
            [sys.executable, "-m", "trendvane", *self.child.arguments, "--supervised"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=child_environment(self.child.settings),
        )

    def revive(self) -> None:
        """Start again after a death, with a pause that doubles while deaths follow each other."""
        assert self.process is not None
        if self.process.poll() is None:
            return
        now = time.monotonic()
        if self._not_before == 0.0:
            lived = now - self._started
            self.restarts = 1 if lived > _HEALTHY_SECONDS else self.restarts + 1
            self._not_before = now + min(2.0 ** (self.restarts - 1) * 0.5, _MAX_PAUSE_SECONDS)
            log.warning(
                "child_died", name=self.child.name, code=self.process.returncode, log=str(self._log_path)
            )
        elif now >= self._not_before:
            self._not_before = 0.0
            self.close()
            self.start()

    def close(self) -> None:
        """Let go of our end of the child's standard input."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()


class Supervisor:
    """Runs children until ``stop`` is called.

    Args:
        children: Started in this order, stopped in the reverse order.
        log_dir: Each child's output goes to ``<name>.log`` there.
    """

    def __init__(self, children: Sequence[Child], log_dir: Path) -> None:
        log_dir.mkdir(parents=True, exist_ok=True)
        self._running = [_Running(child, log_dir) for child in children]

    def start(self) -> None:
        """Start every child."""
        for running in self._running:
            running.start()

    def watch(self) -> None:
        """Look after the children once; call it about twice a second."""
        for running in self._running:
            running.revive()

    def memory_bytes(self) -> dict[str, int]:
        """Resident bytes by child; 0 for one that is not running."""
        sizes = {}
        for running in self._running:
            sizes[running.child.name] = 0
            if running.process is not None:
                with contextlib.suppress(psutil.Error):
                    sizes[running.child.name] = psutil.Process(running.process.pid).memory_info().rss
        return sizes

    def stop(self) -> None:
        """Stop every child: asked first, forced after a grace period."""
        for running in reversed(self._running):
            if running.process is not None and running.process.poll() is None:
                running.process.terminate()
        deadline = time.monotonic() + _GRACE_SECONDS
        for running in reversed(self._running):
            if running.process is None:
                continue
            try:
                running.process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()
            running.close()


def stop_with_parent() -> None:
    """In a child: send ourselves SIGTERM once the supervisor's end of standard input is closed."""

    def wait_for_end() -> None:
        # The bare descriptor: a thread inside a buffered reader would hold its lock while we exit.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_for_end, name="parent-watch", daemon=True).start()


def stop_event() -> threading.Event:
    """Event that SIGTERM and SIGINT set, so that a loop ends between two pieces of work."""
    event = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: event.set())
    return event
