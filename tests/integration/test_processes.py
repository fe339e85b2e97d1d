"""The supervisor against real children."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from trendvane.processes import Child, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.integration


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def emulator() -> Child:
    return Child("emulator", ("emulator", "--port", str(free_port()), "--history-hours", "0"), {})


def children_of(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def test_a_child_that_dies_is_started_again_and_all_are_stopped(tmp_path: Path) -> None:
    supervisor = Supervisor([emulator()], tmp_path)
    before = set(children_of(psutil.Process().pid))
    supervisor.start()
    try:
        (first,) = set(children_of(psutil.Process().pid)) - before
        first.kill()
        first.wait(5)

        def another() -> bool:
            supervisor.watch()
            now = set(children_of(psutil.Process().pid)) - before - {first}
            return any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in now)

        wait_for(another)
        assert supervisor.memory_bytes()["emulator"] > 0
    finally:
        supervisor.stop()
    assert set(children_of(psutil.Process().pid)) <= before


def test_children_go_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    port = free_port()
    code = (
        "import sys, time; from pathlib import Path; from trendvane.processes import Child, Supervisor\n"
        f"s = Supervisor([Child('emulator', ('emulator', '--port', '{port}', '--history-hours', '0'), {{}})],"
        f" Path({str(tmp_path)!r}))\n"
        "s.start(); print('started', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout:
        assert parent.stdout.readline() == b"started\n"
        (child,) = children_of(parent.pid)
        wait_for(lambda: "emulator" in " ".join(child.cmdline()))
        time.sleep(2)  # long enough for the child to be past its imports
        parent.kill()
        parent.wait()
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
