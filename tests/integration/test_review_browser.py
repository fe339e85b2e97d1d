"""The review page in a real browser."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from page_support import add_topic, add_tweet, build_app, serving

from trendvane.warehouse import labels
from trendvane.warehouse.tables_learning import tweet_label

pytestmark = [pytest.mark.integration, pytest.mark.browser]
WORDS = (
    "I will never queue for this ferry again", "The ferry leaves at nine", "What a lovely crossing",
    "Half the deck was closed, half was heaven", "Tickets are sold at the pier",
)  # fmt: skip


@pytest.fixture
def site(warehouse):
    """Five tweets in each sample, the later ones more doubtful, and a server of the pages over them."""
    now = datetime.now(UTC)
    with warehouse.begin() as connection:
        topic = add_topic(connection, "#Ferry", now)
        for place, sample in enumerate(("training", "validation")):
            for n, text in enumerate(WORDS):
                moment = now - timedelta(minutes=n)
                add_tweet(connection, topic, moment, 1, text, score=0.9 - n / 10, serial=place, sample=sample)
    with serving(build_app(warehouse)) as address:
        yield f"{address}/review.html"


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def start(open_page, address, name="Ada L.", **options):
    page = open_page(address, **options)
    page.get_by_label("Who is labelling?").fill(name)
    assert fits(page)
    page.keyboard.press("Enter")
    page.wait_for_selector(".tweet")
    return page


def shown(page):
    return page.locator(".tweet-text").inner_text()


def press(page, key):
    """Press a key and wait until another tweet, or none, is shown."""
    before = page.locator(".tweet").get_attribute("data-tweet")
    page.keyboard.press(key)
    page.wait_for_function("before => document.querySelector('.tweet')?.dataset.tweet !== before", arg=before)


def stored(warehouse):
    c = tweet_label.c
    with warehouse.begin() as connection:
        rows = connection.execute(sa.select(c.labeller, c.label, c.at_random).order_by(c.created_at))
        return [tuple(row) for row in rows]


def test_three_tweets_by_keyboard_then_undo_then_the_other_mode(site, open_page, warehouse):
    page = start(open_page, site)
    first = shown(page)
    assert first == WORDS[-1]  # the most doubtful
    for key in ("1", "0", "p"):
        press(page, key)
    page.get_by_text("3 labelled in this sitting").wait_for()
    assert stored(warehouse) == [("Ada L.", 0, False), ("Ada L.", 1, False), ("Ada L.", 2, False)]
    third = page.locator(".last-text").inner_text()
    press(page, "u")
    assert shown(page) == third
    page.get_by_text("2 labelled in this sitting").wait_for()
    assert len(stored(warehouse)) == 2
    page.keyboard.press("m")
    page.locator('.mode[data-mode="random"][aria-pressed="true"]').wait_for()
    page.wait_for_selector(".tweet")
    press(page, "n")
    assert stored(warehouse)[-1] == ("Ada L.", 0, True)


def test_what_others_said_comes_after_the_answer(site, open_page, warehouse):
    with warehouse.begin() as connection:
        ids = [
            int(value)
            for value in connection.execute(sa.text("SELECT tweet_id FROM tweet_staging")).scalars()
        ]
        labels.write(
            connection,
            [labels.LabelRow(i, "llm:tiny", "v1", 2, 3, "llm", 1.0, at_random=False) for i in ids],
            now=datetime.now(UTC),
        )
    page = start(open_page, site)
    assert page.locator(".last").inner_text() == ""
    press(page, "1")
    text = page.locator(".last").inner_text()
    assert "Your last answer: negative" in text
    assert "neutral, 50 % sure (differs)" in text
    assert "LLM tiny" in text


def test_the_name_is_asked_once_and_checked(site, open_page):
    page = open_page(site)
    page.get_by_label("Who is labelling?").fill("llm:me")
    page.get_by_role("button", name="Start").click()
    page.locator(".wrong").wait_for()
    page.get_by_label("Who is labelling?").fill("  Zoë ")
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector(".tweet")
    page.reload()
    page.wait_for_selector(".tweet")
    assert page.locator(".who bdi").inner_text() == "Zoë"
    page.get_by_role("button", name="change").click()
    page.get_by_label("Who is labelling?").wait_for()


def test_by_buttons_to_the_end(site, open_page, warehouse):
    page = start(open_page, site)
    page.get_by_role("button", name="cannot tell").click()
    page.get_by_text("1 skipped").wait_for()
    for done in range(1, 5):
        page.locator(".answer.positive").click()
        page.get_by_text(f"{done} labelled in this sitting").wait_for()
    page.get_by_text("Nothing to label here.").wait_for()
    assert [row[1] for row in stored(warehouse)] == [None, 2, 2, 2, 2]
    page.get_by_role("button", name="undo").click()
    page.wait_for_selector(".tweet")
    assert len(stored(warehouse)) == 4


def test_keys_that_belong_to_others_are_left_alone(site, open_page, warehouse):
    page = start(open_page, site)
    before = shown(page)
    page.keyboard.press("Control+p")
    page.get_by_label("Answer with single keys").uncheck()
    page.keyboard.press("1")
    page.get_by_role("button", name="change").click()
    page.get_by_label("Who is labelling?").press_sequentially("npsum")
    page.keyboard.press("Enter")
    page.wait_for_selector(".tweet")
    assert shown(page) == before
    assert page.locator(".who bdi").inner_text() == "npsum"
    assert stored(warehouse) == []


def test_a_server_that_is_gone_loses_no_tweet(warehouse, open_page):
    now = datetime.now(UTC)
    with warehouse.begin() as connection:
        topic = add_topic(connection, "#Ferry", now)
        add_tweet(connection, topic, now, 1, WORDS[0], sample="training")
    with serving(build_app(warehouse)) as address:
        page = start(open_page, f"{address}/review.html")
    page.keyboard.press("1")
    page.locator(".warning", has_text="The server does not answer.").wait_for()
    assert shown(page) == WORDS[0]
    open_page.faults[:] = [fault for fault in open_page.faults if "ERR_" not in fault]


def test_a_tweet_that_was_forgotten_meanwhile_makes_way(site, open_page, warehouse):
    page = start(open_page, site)
    gone = int(page.locator(".tweet").get_attribute("data-tweet"))
    with warehouse.begin() as connection:
        connection.execute(sa.text("DELETE FROM tweet_staging WHERE tweet_id = :id"), {"id": gone})
    press(page, "1")
    page.locator(".warning", has_text="There is no such tweet here.").wait_for()
    press(page, "1")
    page.wait_for_selector(".warning", state="detached")
    open_page.faults[:] = [fault for fault in open_page.faults if "404" not in fault]


def test_hostile_tweets_stay_text(warehouse, open_page):
    now = datetime.now(UTC)
    evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\u202egnp.exe'
    with warehouse.begin() as connection:
        topic = add_topic(connection, evil, now)
        add_tweet(connection, topic, now, 1, evil + "a" * 3000, sample="training")
    with serving(build_app(warehouse)) as address:
        page = start(open_page, f"{address}/review.html", width=390)
        assert "<script>" in shown(page)
        assert fits(page)
        page.keyboard.press("1")
        page.get_by_text("Your last answer").wait_for()
        assert page.evaluate("window.hacked") is None
        assert page.locator("main img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out(site, open_page, scheme):
    page = start(open_page, site, width=390, height=844, scheme=scheme)
    press(page, "1")
    page.get_by_text("Your last answer").wait_for()
    for width in (390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert fits(page)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in paper[4:-1].split(",")) < 200) == (scheme == "dark")


def test_the_front_page_leads_here(site, open_page):
    page = open_page(site.replace("review.html", ""))
    page.get_by_role("link", name="Review tweets").click()
    page.get_by_label("Who is labelling?").wait_for()
