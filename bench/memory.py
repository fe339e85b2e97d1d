"""Peak memory of each process of the demo, and how old a tweet is when the page shows it.

    python -m bench.memory [--seconds 60]

Runs the real demo for a while and prints what it reports of itself.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile

LIMIT_MB = 1536


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trendvane-bench-") as home:
        command = [sys.executable, "-m", "trendvane", "demo", "--json", "--seconds", str(options.seconds)]
        environment = {**os.environ, "TRENDVANE_DATA_DIR": home}  # noqa: TID251
        done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    report = json.loads(done.stdout)
    print("\n## The demo's processes\n\n| process | peak resident memory, MB |\n|---|---|")
    for name, size in report["memory_mb"].items():
        print(f"| {name} | {size} |")
    print(f"| **all** (target: under {LIMIT_MB}) | **{report['memory_total_mb']}** |")
    p50, p95, n = report["latency_p50_s"], report["latency_p95_s"], report["live_tweets"]
    print(f"\nFrom publication to page: p50 {p50:.2f} s, p95 {p95:.2f} s (target: 5 s), {n} live tweets.")


if __name__ == "__main__":
    main()
