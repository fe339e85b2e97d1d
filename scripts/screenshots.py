"""Take the README's screenshots of a running demo.

python scripts/screenshots.py [http://127.0.0.1:8080]

For a picture of the live accuracy, label every tweet first; the emulator knows what it meant:

python scripts/screenshots.py --labels http://127.0.0.1:<the emulator's port> > labels.csv
TRENDVANE_DATA_DIR=.trendvane/demo trendvane label import labels.csv --labeller demo --random-sample
"""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

OUT = Path(__file__).parent.parent / "docs" / "images"
SHOTS: dict[str, dict[str, Any]] = {
    "overview-light": {"path": "/", "scheme": "light", "size": (1280, 800)},
    "overview-dark": {"path": "/", "scheme": "dark", "size": (1280, 800)},
    "topic-light": {"path": "/#/topic/{0}", "scheme": "light", "size": (1280, 1000)},
    "compare-light": {"path": "/#/compare/{0},{1}", "scheme": "light", "size": (1280, 800)},
    "review-light": {"path": "/review.html", "scheme": "light", "size": (1280, 900)},
    "accuracy-light": {"path": "/", "scheme": "light", "size": (1280, 800), "part": "section.accuracy"},
    "phone-dark": {"path": "/#/topic/{0}", "scheme": "dark", "size": (390, 844)},
}


def main() -> None:
    """Write one PNG for each shot."""
    if sys.argv[1:2] == ["--labels"]:
        print_labels(sys.argv[2])
        return
    base = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
    with urllib.request.urlopen(f"{base}/v1/topics?window=24h") as answer:  # noqa: S310  an address we were given
        ids = [topic["id"] for topic in json.load(answer)["topics"]]
    OUT.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for name, shot in SHOTS.items():
            width, height = shot["size"]
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=shot["scheme"]
            )
            # The review page asks for a name once.
            context.add_init_script("localStorage.setItem('trendvane-labeller', 'Ada')")
            page = context.new_page()
            page.goto(base + shot["path"].format(*ids))
            page.wait_for_timeout(2500)
            if "part" in shot:  # the header stays in place when the page scrolls, and would cover it
                page.evaluate("document.querySelector('header').style.position = 'static'")
            target = page.locator(shot["part"]) if "part" in shot else page
            target.screenshot(path=OUT / f"{name}.png")
            context.close()
        browser.close()


def print_labels(emulator: str) -> None:
    """Print the true labels of everything published so far, as CSV."""
    print("tweet_id,label")
    since = "0"
    while since:
        url = f"{emulator}/emulator/truth/labels?since_id={since}&limit=1000"
        with urllib.request.urlopen(url) as answer:  # noqa: S310  an address we were given
            found = json.load(answer)
        for row in found["data"]:
            if row["label"]:
                print(f"{row['id']},{row['label']}")
        since = found["next_since_id"]


if __name__ == "__main__":
    main()
