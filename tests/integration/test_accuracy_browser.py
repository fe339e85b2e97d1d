"""The panel that tells how often the model is right, in a real browser."""

from datetime import UTC, datetime, timedelta

import pytest
from page_support import add_topic, add_tweet, build_app, serving

from trendvane.warehouse import labels

pytestmark = [pytest.mark.integration, pytest.mark.browser]
MODEL = "tiny-1"


@pytest.fixture
def page_on(warehouse, make_package, open_page):
    """Serves the page over so many right and wrong labels of this week, and opens it."""
    servers = []

    def start(right, wrong, **options):
        now = datetime.now(UTC)
        with warehouse.begin() as connection:
            topic = add_topic(connection, "<i>Ferry</i>", now)
            rows = []
            for n in range(right + wrong):
                truth = n % 3
                said = truth if n < right else (truth + 1) % 3
                moment = now - timedelta(seconds=n + 1)
                tweet_id = add_tweet(connection, topic, moment, said, f"word {n}", model=MODEL)
                rows.append(labels.LabelRow(tweet_id, "Ada", "", truth, 1, "human", 1.0, at_random=True))
            labels.write(connection, rows, now=now)
        server = serving(build_app(warehouse, package=make_package()))
        servers.append(server)
        page = open_page(server.__enter__(), **options)
        page.wait_for_selector(".accuracy")
        return page

    yield start
    for server in servers:
        server.__exit__(None, None, None)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_figures_weeks_and_topics(page_on, width, scheme):
    page = page_on(75, 25, width=width, scheme=scheme)
    panel = page.locator(".accuracy")
    text = panel.inner_text()
    assert f"model {MODEL}" in text
    assert "75 of 100 labels" in text
    first = panel.locator(".card").first.inner_text()
    assert "75 %" in first
    assert "67–81 %" in first  # Wilson, 90 %, worked out by hand
    weeks = panel.locator(".week")
    assert 1 <= weeks.count() <= 2  # two when a Monday came between
    assert "% interval" in weeks.first.locator("[role=img]").get_attribute("aria-label")
    row = panel.locator(".table-wrap tbody tr")
    assert row.count() == 1
    assert row.locator(".name").inner_text() == "<i>Ferry</i>"
    assert "75 %" in row.inner_text()
    panel.locator(".confusion summary").click()
    assert panel.locator(".confusion .hit").all_inner_texts() == ["25", "25", "25"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_too_few_labels_claim_nothing_and_show_the_way(page_on):
    page = page_on(7, 2)
    panel = page.locator(".accuracy")
    assert "Too few labels to tell. 9 of the 30 labels needed are there" in panel.inner_text()
    assert panel.locator(".card, .week, table").count() == 0
    panel.get_by_role("link", name="Review tweets").click()
    page.get_by_label("Who is labelling?").wait_for()
