"""Peak memory and time of the learning loop's heavy parts, each in a process of its own.

    python -m bench.memory_learning [--rows 1000000]

Rows are invented: eight random words each, a tenth of them near copies, half a million authors. What counts
is the resident memory of our process; the embedded PostgreSQL has its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from trendvane.bootstrap import Systems
from trendvane.model.leaks import leaks, split_leaks
from trendvane.settings import Settings
from trendvane.steps.curate import CurateConfig, curate

if TYPE_CHECKING:
    from collections.abc import Callable

_LETTERS = str.maketrans("0123456789", "ghijklmnop")
_AUTHORS = 500_000
_AT_ONCE = 100_000
# The same wordings, made by the server: tweets, and a person's label for each.
_TWEETS = sa.text(
    """
    INSERT INTO tweet_staging (tweet_id, topic, content, type, crawl_at, created_at, lang, author_hash,
        cluster_id, source, raw_ref)
    SELECT 1000000000000000000 + i, 'bench', regexp_replace(translate(md5(w::text) || md5((-w)::text),
        '0123456789', 'ghijklmnop'), '(.{8})', '\\1 ', 'g') || repeat('so ', (i - w)::int), 'keyword',
        now(), now(), 'en', 1 + i % :authors, 1000000000000000000 + i, 'emulator', 'bench'
    FROM (
        SELECT i, i - (i % 10 = 9)::int AS w FROM generate_series(CAST(:first AS bigint), :last) AS i
    ) AS rows
    """
)
_LABELS = sa.text(
    """
    INSERT INTO tweet_label (tweet_id, labeller, label, kind)
    SELECT 1000000000000000000 + i, 'bench', (i - (i % 10 = 9)::int) % 3, 'human'
    FROM generate_series(CAST(:first AS bigint), :last) AS i
    """
)


def curate_file(home: Path, rows: int) -> str:
    """Curate labelled rows of a CSV."""
    path = home / "rows.csv"
    with path.open("w") as file:
        file.write("tweet_id,text,label,author\n")
        for i in range(rows):
            which = i - (i % 10 == 9)
            words = _words(which)
            file.write(f"{10**18 + i},{words}{'so ' * (i - which)},{which % 3},{i % _AUTHORS}\n")
    return _curate(home, path)


def curate_warehouse(home: Path, rows: int) -> str:
    """Curate labelled tweets of the warehouse, by a cursor of the server."""
    with Systems(Settings(data_dir=home)) as systems:
        systems.prepare_warehouse()
        for first in range(0, rows, _AT_ONCE):
            span = {"first": first, "last": min(first + _AT_ONCE, rows) - 1}
            with systems.warehouse.begin() as connection:
                connection.execute(_TWEETS, span | {"authors": _AUTHORS})
                connection.execute(_LABELS, span)
    return _curate(home)


def _words(number: int) -> str:
    digits = hashlib.md5(str(number).encode()).hexdigest() + hashlib.md5(str(-number).encode()).hexdigest()
    letters = digits.translate(_LETTERS)
    return "".join(letters[i : i + 8] + " " for i in range(0, 64, 8))


def _curate(home: Path, *files: Path) -> str:
    with Systems(Settings(data_dir=home)) as systems:
        systems.prepare_warehouse()
        config = CurateConfig(files=files)
        report = curate(systems.warehouse, systems.snapshots, config, now=lambda: datetime.now(tz=UTC))
        snapshot = systems.snapshots.latest()
        assert not leaks(snapshot, systems.snapshots.test_set())
        assert not split_leaks(snapshot)
    return f"{report.train:,} train, {report.dev:,} dev, {report.test:,} test"


# Name, limit in MB, and what is run in a process of its own; it is given a folder and the number of rows.
CASES: dict[str, tuple[int, Callable[[Path, int], str]]] = {
    "curate a CSV": (2048, curate_file),
    "curate the warehouse": (2048, curate_warehouse),
}


def main() -> None:
    """Run every case and print a table; or one case, and print its figures for the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--case", choices=CASES)
    options = parser.parse_args()
    if options.case:
        _run(options.case, options.rows)
        return
    print(f"\n## The learning loop, {options.rows:,} rows\n")
    print("| part | peak resident memory, MB | at most | seconds | of the CPU | what came out |")
    print("|---|---|---|---|---|---|")
    for name, (limit, _) in CASES.items():
        command = [sys.executable, "-m", "bench.memory_learning", "--case", name, "--rows", str(options.rows)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found = json.loads(done.stdout.splitlines()[-1])
        assert found["mb"] < limit, f"{name} took {found['mb']} MB"
        print(
            f"| {name} | {found['mb']} | {limit} | {found['seconds']} | {found['cpu']} | {found['result']} |",
            flush=True,
        )


def _run(name: str, rows: int) -> None:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="trendvane-bench-") as home:
        result = CASES[name][1](Path(home), rows)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds, cpu = round(time.perf_counter() - start), round(used.ru_utime + used.ru_stime)
    print(json.dumps({"mb": used.ru_maxrss // 1024, "seconds": seconds, "cpu": cpu, "result": result}))


if __name__ == "__main__":
    main()
