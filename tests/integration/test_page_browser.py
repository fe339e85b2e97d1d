"""The page in a real browser."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from page_support import add_minute, add_topic, add_tweet, build_app, fill, serving

from trendvane.serve.live import LiveOptions
from trendvane.warehouse import tables

pytestmark = [pytest.mark.integration, pytest.mark.browser]


@pytest.fixture
def site(warehouse):
    """A filled warehouse and the page over it: (address, ids of the topics)."""
    with warehouse.begin() as connection:
        ids = fill(connection, datetime.now(UTC), days=0.3)
    with serving(build_app(warehouse, live=LiveOptions(refresh_s=1))) as address:
        yield address, ids


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_topics_are_listed_with_intervals_and_marked_as_demo(site, open_page):
    address, ids = site
    page = open_page(address)
    page.wait_for_selector(".row")
    assert page.locator(".row").count() == len(ids)
    assert page.locator(".row .bar .whisker").count() > len(ids)
    assert page.locator(".demo-pill").inner_text() == "demo data"
    assert "too few voices" in page.locator(f'[data-topic="{ids[-1]}"]').inner_text()
    label = page.locator(".row .bar[role=img]").first.get_attribute("aria-label")
    assert "negative" in label
    assert "%" in label


def test_strangers_names_are_text(site, open_page):
    page = open_page(site[0])
    name = page.locator(".name", has_text="<b>Bold</b> & Co")
    name.wait_for()
    assert name.first.evaluate("node => node.tagName + node.children.length") == "BDI0"


def test_a_new_rollup_shows_without_reload(site, open_page, warehouse):
    address, ids = site
    page = open_page(address)
    voices = page.locator(f'[data-topic="{ids[0]}"] .volume strong')
    voices.wait_for()
    page.evaluate("window.stillHere = true")
    before = int(voices.inner_text().replace(",", ""))
    with warehouse.begin() as connection:
        add_minute(connection, ids[0], datetime.now(UTC), (0, 0, 1000))
    page.wait_for_function(
        "([id, n]) => document.querySelector(`[data-topic='${id}'] .volume strong`)"
        ".textContent.replace(',', '') == n",
        arg=[ids[0], str(before + 1000)],
    )
    assert page.evaluate("window.stillHere")


def test_filter_sort_and_compare(site, open_page):
    page = open_page(site[0])
    page.wait_for_selector(".row")
    page.get_by_label("Sort by").select_option("name")
    names = page.locator(".row .name").all_inner_texts()
    assert names == page.evaluate("names => names.toSorted((a, b) => a.localeCompare(b))", names)
    page.get_by_label("Filter topics").fill("bridge")
    assert page.locator(".row").count() == 1
    page.locator(".row input[type=checkbox]").check()
    page.get_by_label("Filter topics").fill("metro")
    page.locator(".row input[type=checkbox]").check()
    page.get_by_role("link", name="Compare 2").click()
    page.wait_for_selector(".compare .chart[data-drawn]")
    assert page.locator(".compare tbody tr").count() == 2


def test_one_topic_with_chart_examples_and_provenance(site, open_page):
    address, ids = site
    page = open_page(f"{address}/#/topic/{ids[0]}")
    page.wait_for_selector(".chart[data-drawn] canvas")
    assert page.locator(".example").count() >= 6
    assert page.get_by_role("link", name="View on X").count() == 0  # invented tweets are not on X
    assert "starter-1" in page.locator(".provenance").inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == f"trendvane-{ids[0]}-1h.csv"


def test_an_unknown_topic_says_so(site, open_page):
    page = open_page(f"{site[0]}/#/topic/ffffffffffffffff")
    page.get_by_text("There is no such topic.").wait_for()
    # The browser itself logs the 404; nothing else may be wrong.
    open_page.faults[:] = [fault for fault in open_page.faults if "404" not in fault]


def test_hostile_tweets_and_names_stay_text(warehouse, open_page):
    now = datetime.now(UTC)
    evil = '<img src=x onerror="window.hacked=1">\u202egnp.exe'
    with warehouse.begin() as connection:
        topic = add_topic(connection, evil, now)
        add_minute(connection, topic, now, (30, 0, 0))
        add_tweet(connection, topic, now, 0, evil + "<script>window.hacked=1</script>")
    with serving(build_app(warehouse)) as address:
        page = open_page(f"{address}/#/topic/{topic}")
        page.wait_for_selector(".example")
        assert "<script>" in page.locator(".example").inner_text()
        page.mouse.move(500, 400)
        assert page.evaluate("window.hacked") is None
        assert page.locator(".example img, h1 img").count() == 0


def test_an_empty_warehouse_says_what_is_missing(warehouse, open_page):
    with serving(build_app(warehouse)) as address:
        page = open_page(address)
        page.get_by_text("No tweets yet.").wait_for()


def test_a_source_that_is_down_is_a_warning_and_no_zero(site, open_page, warehouse):
    page = open_page(site[0])
    page.wait_for_selector(".row")
    with warehouse.begin() as connection:
        connection.execute(sa.update(tables.topic).values(polled_at=datetime.now(UTC) - timedelta(minutes=5)))
    page.locator(".warning", has_text="The source is down since").wait_for()
    assert page.locator(".pill.off").inner_text().startswith("source down")


def test_a_server_that_is_gone_is_a_warning_with_the_age_of_the_numbers(warehouse, open_page):
    with warehouse.begin() as connection:
        fill(connection, datetime.now(UTC), days=0.05)
    with serving(build_app(warehouse)) as address:
        page = open_page(address)
        page.wait_for_selector(".row")
    page.locator(".warning", has_text="No connection to the server since").wait_for()
    assert page.locator(".row").count() > 1
    open_page.faults[:] = [fault for fault in open_page.faults if "ERR_" not in fault]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_sticks_out(site, open_page, scheme, width):
    address, ids = site
    page = open_page(address, width=width, height=844, scheme=scheme)
    page.wait_for_selector(".row")
    assert fits(page)
    page.goto(f"{address}/#/topic/{ids[0]}")
    page.wait_for_selector(".chart[data-drawn]")
    assert fits(page)
    page.goto(f"{address}/#/compare/{ids[0]},{ids[1]},{ids[2]},{ids[3]}")
    page.wait_for_selector(".compare .chart[data-drawn]")
    assert fits(page)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in paper[4:-1].split(",")) < 200) == (scheme == "dark")


def test_the_colours_can_be_switched_and_stay(site, open_page):
    page = open_page(site[0])
    page.get_by_label("Switch to dark colours").click()
    page.reload()
    page.get_by_label("Switch to light colours").wait_for()
