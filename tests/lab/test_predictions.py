"""Questions that take a guess, seen from Python: what they take, tell and store."""

import numpy as np
import pytest
from notebooks import WIDGET_VIEW

from coordlib.lab.figures.interactive import Prediction, predict, score

PICTURE = np.linspace(0, 1, 12).reshape(3, 4)
DARKEST = PICTURE == 0


@pytest.fixture(autouse=True)
def nothing_asked(monkeypatch):
    monkeypatch.setattr("coordlib.lab.figures.interactive.prediction._asked", {})


def html(prediction: Prediction) -> str:
    data, _ = prediction._repr_mimebundle_()
    assert WIDGET_VIEW in data
    return data["text/html"]


def test_where_nothing_runs_the_answer_is_folded_under_the_question():
    folded = html(predict("Is 1 < 2?", choices=["yes", "no"], answer="yes"))
    assert folded.startswith("<details ") and "(yes; no)</summary>" in folded
    assert "Is 1 &lt; 2?" in folded and "Measured: <b>yes</b>." in folded


def test_several_choices_may_be_right():
    asked = predict("Which?", choices=["a", "b", "c"], answer=["a", "b"])
    assert "Measured: <b>a or b</b>." in html(asked)
    with pytest.raises(ValueError, match="got none"):
        predict("Which?", choices=["a", "b"], answer=[])


def test_a_number_is_told_as_it_was_rounded_and_with_its_unit():
    asked = predict("How far?", number=("pixels", -5, 5), answer=np.round(-1.23, 1))
    assert "Measured: <b>−1.2 pixels</b>." in html(asked)


def test_a_number_is_right_within_a_tenth_of_its_scale_unless_told_otherwise():
    scale = ("pixels", 0, 50)
    assert predict("A?", number=scale, answer=3).asked[0]["within"] == 5
    assert predict("B?", number=scale, answer=3, within=0).asked[0]["within"] == 0


def test_a_place_is_told_with_the_number_of_others():
    assert "<b>row 0, column 0</b>" in html(
        predict("Where?", picture=PICTURE, answer=DARKEST)
    )
    many = predict("And?", picture=PICTURE, answer=PICTURE > 0.5)
    assert "<b>row 1, column 2, and 5 pixels more</b>" in html(many)


def test_the_score_has_each_question_once_and_in_order():
    for answer in (1, 2):
        predict("First?", number=("", 0, 9), answer=answer)
        predict("Second?", picture=PICTURE, answer=DARKEST)
    end = score()
    assert [q["question"] for q in end.asked] == ["First?", "Second?"]
    assert end.asked[0]["answer"] == 2 and "picture" not in end.asked[1]
    assert html(end).count("<li>") == 2


def test_another_question_has_another_key_and_the_same_one_its_own():
    keys = [predict(q, number=("", 0, 9), answer=1).key for q in ("A?", "B?", "A?")]
    assert keys[0] == keys[2] != keys[1]


def test_the_description_has_no_address():
    assert repr(predict("A?", number=("", 0, 9), answer=1)) == "Prediction('A?')"
    assert repr(score()) == "Prediction(1 questions)"


def test_the_module_is_small_and_asks_for_nothing():
    assert len(Prediction._esm.encode()) < 10 * 1024
    for forbidden in ("http", "fetch(", "innerHTML", "import "):
        assert forbidden not in Prediction._esm, forbidden


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"answer": 1}, "one of choices, number and picture, got 0"),
        ({"choices": ["a"], "number": ("", 0, 1), "answer": "a"}, "picture, got 2"),
        ({"choices": ["a", "b"], "answer": "c"}, "answer must be one of 'a', 'b'"),
        ({"number": ("", 1, 1), "answer": 1}, "number must be"),
        ({"number": ("", 0, 1), "answer": 2}, r"answer must be in \[0, 1\]"),
        ({"number": ("", 0, 1), "answer": float("nan")}, "answer must be in"),
        ({"picture": PICTURE, "answer": PICTURE > 2}, "marks a pixel, got 0 marked"),
        ({"picture": PICTURE, "answer": DARKEST[0]}, r"mask of shape \(3, 4\)"),
    ],
)
def test_what_cannot_be_asked_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        predict("Well?", **options)


def test_a_score_of_nothing_is_refused():
    with pytest.raises(ValueError, match="call predict"):
        score()
