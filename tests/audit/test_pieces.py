"""The parts of an audit that are functions of their arguments."""

from __future__ import annotations

import pytest

from videor1.audit.answers import AnswerTally, chance_of_skew
from videor1.audit.content import content_digest, plain_path, text_key
from videor1.audit.finding import Finding
from videor1.audit.journal import Journal
from videor1.audit.summary import top_causes
from videor1.audit.wording import many, percent, shorten, size
from videor1.data.cache import CacheSettings
from videor1.table import Table
from videor1.types import Record


def question(solution, options=("A. x", "B. y"), problem_type="multiple choice"):
    return Record(
        problem_id=0,
        problem="?",
        data_type="video",
        problem_type=problem_type,
        options=tuple(options),
        solution=solution,
        path="x.mp4",
        data_source="test",
    )


def test_chance_of_skew_is_pearsons():
    assert chance_of_skew([60, 40]) == pytest.approx(0.0455003, rel=1e-5)  # chi-square 4, 1 degree of freedom
    assert chance_of_skew([25, 25, 25, 25]) == 1.0
    assert chance_of_skew([20, 30, 25, 25]) == pytest.approx(0.5724067, rel=1e-5)  # chi-square 2, 3 degrees
    assert chance_of_skew([5, 4]) is None  # fewer than 5 expected of each
    assert chance_of_skew([100]) is None
    assert chance_of_skew([]) is None


@pytest.mark.parametrize(
    ("a", "b", "skewed"),
    [
        (70, 30, True),
        (58, 42, False),  # a chance of 0.11
        (5600, 4400, False),  # surely no chance, but 56 % is not far from even
        (6100, 3900, True),
        (6, 0, False),  # too few
    ],
)
def test_letters_are_skewed_when_it_is_no_chance_and_matters(a, b, skewed):
    tally = AnswerTally()
    for position in range(a + b):
        tally.add(question("<answer>A</answer>" if position < a else "<answer>(b) y</answer>"), position)
    row = tally.summary()["letters"]["2"]
    assert row["counts"] == {"A": a, "B": b}
    assert row["skewed"] is skewed


def test_solutions_are_read_as_the_rewards_read_them():
    tally = AnswerTally()
    solutions = ["<answer>1,200.5</answer>", "12", "<answer>1/2</answer>", "<answer>3 or 4</answer>", ""]
    for position, solution in enumerate(solutions):
        tally.add(question(solution, (), "numerical"), position)
    tally.add(question("<answer>left</answer>"), 10)
    flaws = {flaw: row["examples"] for flaw, row in tally.summary()["flaws"].items()}
    assert flaws["no_number"] == [2, 3, 4]
    assert flaws["no_answer_tags"] == [1, 4]
    assert flaws["empty"] == [4]
    assert flaws["letter_is_no_option"] == [10]


def test_a_question_is_the_same_however_it_is_typed():
    assert text_key(["What  is\tit?", "A. ﬁsh"]) == text_key(["what is IT? ", "a. fish"])
    assert text_key(["ab", "c"]) != text_key(["a", "bc"])
    assert plain_path("./a//b/./c.mp4") == "a/b/c.mp4"
    assert plain_path("a/../b.mp4") == "a/../b.mp4"


def test_a_digest_is_the_same_with_and_without_a_cache(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(b"abc")
    cache = CacheSettings(folder=str(tmp_path / "cache"), gigabytes=0.5).frames()
    assert content_digest(file) == content_digest(file, cache) == "ba7816bf8f01cfea414140de5dae2223"


def test_causes_that_differ_in_a_number_or_a_path_are_one():
    causes = ["no such file", "broken JSON at byte 3: x", "broken JSON at byte 14: x", "a link to /a/b.mp4"]
    assert top_causes([*causes, "no such file", "no such file"]) == [
        {"records": 3, "cause": "no such file"},
        {"records": 2, "cause": "broken JSON at byte …: x"},
        {"records": 1, "cause": "a link to /a/b.mp4"},
    ]


def test_journal_forgets_nothing_but_a_torn_line(tmp_path):
    journal = Journal(tmp_path / "deep/findings.jsonl", {"train": {"a": 1}})
    one, two, three = (Finding(record=number, fault="missing", cause="é") for number in range(3))
    with journal.writing({"train": {0: one}}) as add:
        add("train", [two])
        assert journal.load() == ({"train": {0: one, 1: two}}, None)  # while it is still open
    with journal.file.open("ab") as file:
        file.write(b'{"split": "train", "rec')
    assert journal.load() == ({"train": {0: one, 1: two}}, None)
    with journal.writing(journal.load()[0]) as add:
        add("train", [three])
    assert journal.load() == ({"train": {0: one, 1: two, 2: three}}, None)
    other = Journal(journal.file, {"train": {"a": 2}, "validate": {"a": 1}})
    assert other.load() == ({"train": {}, "validate": {}}, "made with another train.a, validate.a")
    journal.file.write_bytes(b"")
    assert journal.load() == ({"train": {}}, None)


def test_tables_and_numbers():
    table = Table(head=["", "n"], rows=[["a|b", "1"], ["c", "1,000"]])
    assert table.markdown() == ["|   | n |", "|---|---:|", r"| a\|b | 1 |", "| c | 1,000 |"]
    assert table.plain() == ["          n", "a|b       1", "c     1,000"]
    assert Table(head=["", ""], rows=[["a", "1"]]).plain() == ["a   1"]
    assert shorten("abcdef", 4) == "abc…"
    assert [many(number, "record") for number in (0, 1, 1234)] == ["0 records", "1 record", "1,234 records"]
    assert [percent(share) for share in (0, 0.25, 0.00012)] == ["0.0 %", "25.0 %", "0.012 %"]
    assert [size(number) for number in (0, 999_900, 1_500_000, 2_100_000_000_000)] == [
        "0.0 kB",
        "999.9 kB",
        "1.5 MB",
        "2.1 TB",
    ]
