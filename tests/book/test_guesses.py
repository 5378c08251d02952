"""Questions that take a guess, in a browser: answered, kept, counted and forgotten."""

import json
from collections.abc import Iterator

import nbformat
import numpy as np
import pytest
from browsing import PAGES, STATE, Tab
from notebooks import WIDGET_STATE, WIDGET_VIEW
from repository import BOOK

from coordlib.lab.figures.interactive import Prediction, predict, score

PICTURE = np.linspace(0, 1, 12).reshape(3, 4)


@pytest.fixture
def tab(browser) -> Iterator[Tab]:
    tab = Tab(browser)
    yield tab
    tab.close()


@pytest.fixture(autouse=True)
def nothing_asked(monkeypatch):
    monkeypatch.setattr("coordlib.lab.figures.interactive.prediction._asked", {})


def page_of(*shown: Prediction) -> str:
    """Write a page with some questions, as the site has it."""
    state = {
        str(n): {
            "state": {
                "_esm": p._esm,
                "_css": p._css,
                "key": p.key,
                "asked": p.asked,
                "closing": p.closing,
            }
        }
        for n, p in enumerate(shown)
    }
    folded = "".join(p._repr_mimebundle_()[0]["text/html"] for p in shown)
    stored = json.dumps({"state": state}).replace("</", "<\\/")
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Questions</title>"
        f'<body><main>{folded}</main><script type="{STATE}">{stored}</script>'
        '<script type="module" src="widgets.js"></script>'
    )


def show(tab: Tab, *shown: Prediction):
    tab.made["questions.html"] = page_of(*shown)
    tab.open("questions.html")
    tab.page.wait_for_selector(".guess")
    return tab.page.locator(".guess")


def a_chapter() -> list[Prediction]:
    asked = [
        predict("Which?", choices=["this", "that"], answer="that", because="It is so."),
        predict("How many?", number=("dots", 0, 50), answer=31),
        predict("Where?", picture=PICTURE, answer=PICTURE == 0),
    ]
    return [*asked, score()]


def commit(question) -> None:
    question.get_by_role("button").click()


def test_a_guess_opens_the_answer_and_is_kept(tab):
    question = show(tab, a_chapter()[0])
    assert "that" not in question.locator(".guess-answer").text_content()
    question.get_by_label("this").check()
    commit(question)
    told = "✗ Not so. You said: this. Measured: that.It is so."
    assert question.locator(".guess-answer").text_content() == told
    assert question.locator(".guess-answer[aria-live=polite]").count() == 1
    tab.page.reload()
    tab.page.wait_for_selector(".guess")
    assert question.locator(".guess-answer").text_content() == told
    assert question.get_by_label("this").is_disabled()


def test_nothing_opens_without_a_guess(tab):
    question = show(tab, a_chapter()[0])
    commit(question)
    assert question.locator(".guess-answer").text_content() == ""


@pytest.mark.parametrize(("guess", "mark"), [("27", "✓ Right"), ("25", "✗ Not so")])
def test_a_number_is_right_where_it_is_near(tab, guess, mark):
    question = show(tab, a_chapter()[1])
    question.get_by_label("dots, 0 to 50").fill(guess)
    tab.page.keyboard.press("Enter")
    told = f"{mark}. You said: {guess} dots. Measured: 31 dots."
    assert question.locator(".guess-answer").text_content() == told


def test_a_number_beyond_the_scale_is_no_guess(tab):
    question = show(tab, a_chapter()[1])
    question.get_by_role("spinbutton").fill("51")
    commit(question)
    assert question.locator(".guess-answer").text_content() == ""


def test_a_place_is_chosen_by_a_click_or_by_keys(tab):
    question = show(tab, a_chapter()[2])
    canvas = question.locator("canvas")
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] * 0.4, "y": box["height"] * 0.5})
    assert "row 1, column 1" in question.locator(".guess-place").text_content()
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft"):
        canvas.press(key)
    assert "row 0, column 0" in canvas.get_attribute("aria-label")
    commit(question)
    assert "✓ Right" in question.locator(".guess-answer").text_content()
    canvas.press("ArrowDown")
    assert "row 0, column 0" in canvas.get_attribute("aria-label")


def test_the_end_counts_and_keeps_what_was_not_guessed_to_itself(tab):
    questions = show(tab, *a_chapter())
    end = questions.nth(3)
    assert "You have not guessed yet" in end.text_content()
    questions.nth(0).get_by_label("that").check()
    commit(questions.nth(0))
    questions.nth(1).get_by_role("spinbutton").fill("0")
    commit(questions.nth(1))
    assert "You were right 1 of 2 times. 1 still to guess." in end.text_content()
    rows = end.locator("tbody tr").all_text_contents()
    assert rows == ["Which?✓ thatthat", "How many?✗ 0 dots31 dots", "Where?not yet?"]
    end.get_by_role("link", name="Where?").click()
    key = a_chapter()[2].key
    assert tab.page.url.endswith(f"#guess-{key}")
    assert tab.page.locator(f"#guess-{key}").count() == 1


def test_all_answers_are_forgotten_by_one_press(tab):
    questions = show(tab, *a_chapter())
    questions.nth(0).get_by_label("that").check()
    commit(questions.nth(0))
    assert tab.page.evaluate("localStorage.length") == 1
    questions.nth(3).get_by_role("button", name="Forget my answers").click()
    assert tab.page.evaluate("localStorage.length") == 0
    assert "You have not guessed yet" in questions.nth(3).text_content()
    assert questions.nth(0).get_by_label("that").is_enabled()
    assert not questions.nth(0).get_by_label("that").is_checked()


def test_the_answers_of_other_chapters_are_forgotten_by_their_own_button(tab):
    questions = show(tab, *a_chapter())
    tab.page.evaluate(
        """localStorage.setItem("where-is-it.guesses", '{"of another chapter": 1}')"""
    )
    questions.nth(0).get_by_label("that").check()
    commit(questions.nth(0))
    end = questions.nth(3)
    end.get_by_role("button", name="Forget my answers").click()
    assert "You have not guessed yet" in end.text_content()
    assert "of another chapter" in tab.page.evaluate("Object.values(localStorage)[0]")
    end.get_by_role("button", name="Forget those of all chapters").click()
    assert tab.page.evaluate("localStorage.length") == 0


def test_a_choice_stays_while_another_question_is_committed(tab):
    questions = show(tab, *a_chapter())
    questions.nth(1).get_by_role("spinbutton").fill("7")
    questions.nth(0).get_by_label("that").check()
    commit(questions.nth(0))
    assert questions.nth(1).get_by_role("spinbutton").input_value() == "7"


def test_where_the_browser_keeps_nothing_the_guess_lives_as_long_as_the_page(tab):
    refused = """Object.defineProperty(window, "localStorage", {
        get() { throw new DOMException("refused", "SecurityError"); } })"""
    tab.page.add_init_script(refused)
    questions = show(tab, *a_chapter())
    questions.nth(0).get_by_label("that").check()
    commit(questions.nth(0))
    assert "✓ Right" in questions.nth(0).text_content()
    assert "right 1 of 1 times" in questions.nth(3).text_content()


@pytest.mark.parametrize("kept", ["3", '"x"', "[]", "{bad", '{"KEY": null}'])
def test_what_was_kept_by_somebody_else_is_no_guess(tab, kept):
    chapter = a_chapter()
    kept = kept.replace("KEY", chapter[0].key)
    tab.page.add_init_script(f"localStorage['where-is-it.guesses'] ??= `{kept}`")
    questions = show(tab, *chapter)
    assert "You have not guessed yet" in questions.nth(3).text_content()
    questions.nth(0).get_by_label("that").check()
    commit(questions.nth(0))
    assert "right 1 of 1 times" in questions.nth(3).text_content()


def test_where_the_browser_has_no_room_the_guess_lives_as_long_as_the_page(tab):
    full = "Storage.prototype.setItem = () => { throw new DOMException('full'); }"
    tab.page.add_init_script(full)
    questions = show(tab, *a_chapter())
    questions.nth(0).get_by_label("that").check()
    commit(questions.nth(0))
    assert "✓ Right" in questions.nth(0).text_content()


def test_without_javascript_the_answer_is_folded(browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(page_of(*a_chapter()))
    folded = page.locator("details").first
    assert not folded.locator("p").is_visible()
    folded.locator("summary").click()
    assert folded.locator("p").text_content() == "Measured: that. It is so."
    context.close()


def test_on_paper_the_answer_is_told(tab):
    question = show(tab, a_chapter()[0])
    assert not question.locator(".guess-paper").is_visible()
    tab.page.emulate_media(media="print")
    assert question.locator(".guess-paper").is_visible()
    assert not question.get_by_role("button").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_questions_fit(browser, width, scheme):
    tab = Tab(browser, width, scheme)
    show(tab, *a_chapter())
    assert not tab.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    tab.close()


def test_texts_are_never_markup(tab):
    text = "<img src=x onerror=alert(1)>"
    predict(text, choices=[text, "no"], answer=text, because=text)
    question = show(tab, predict(text, choices=[text], answer=text, because=text))
    question.get_by_role("radio").check()
    commit(question)
    assert tab.page.locator("img").count() == 0


def questions_of(name: str) -> list[dict]:
    """Return the questions that a chapter stores, and its end."""
    notebook = nbformat.read(BOOK / f"{name}.ipynb", as_version=4)
    stored = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {"state": {}})
    views = [
        output.data[WIDGET_VIEW]["model_id"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if WIDGET_VIEW in output.get("data", {})
    ]
    states = [stored["state"][view]["state"] for view in views]
    return [state for state in states if "closing" in state]


ASKING = [path.stem for path in sorted(BOOK.glob("*.ipynb")) if questions_of(path.stem)]


@pytest.mark.parametrize("name", ASKING)
def test_a_chapter_asks_a_few_times_and_ends_with_the_score(name):
    *asked, end = questions_of(name)
    least = 1 if name in ("ledger", "placement") else 2  # they are no chapters
    assert least <= len(asked) <= 5 and end["closing"]
    assert [q["key"] for q in end["asked"]] == [state["key"] for state in asked]


@pytest.mark.site
@pytest.mark.skipif(not PAGES, reason="the site is not built: make book")
@pytest.mark.parametrize("name", ASKING)
def test_a_built_page_takes_the_guesses(browser, name):
    tab = Tab(browser, 390)
    tab.open(f"{name}.html")
    wanted = len(questions_of(name))
    questions = tab.page.locator(".guess")
    questions.nth(wanted - 1).wait_for()
    assert questions.count() == wanted
    assert tab.page.locator(".guess-folded").count() == 0
    first = questions.first
    if first.get_by_role("radio").count():
        first.get_by_role("radio").first.check()
    elif first.get_by_role("spinbutton").count():
        low = first.get_by_role("spinbutton").get_attribute("min")
        first.get_by_role("spinbutton").fill(low)
    else:
        first.locator("canvas").press("ArrowUp")
    commit(first)
    assert "You said: " in first.text_content()
    assert " of 1 times" in questions.last.text_content()
    tab.close()
