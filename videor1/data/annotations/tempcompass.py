"""TempCompass: action, direction, speed, order of events and change of attributes, in four formats.

Own files: `questions/<format>.json` of its repository, {video: {aspect: [{question, answer}]}}, or
`<format>/*.parquet` of the data set lmms-lab/TempCompass with the fields `video_id`, `dim`, `question` and
`answer`, as in VLMEvalKit's `dataset/tempcompass.py`; the videos are `<video>.mp4`. The options are lines of
the question. Of its formats

* multi-choice ("A. …") and caption_matching ("Caption A: …", "Option 1: …") are multiple choice, the latter
  with letters for its labels;
* yes_no is multiple choice between yes and no, so that it is scored without a judge;
* captioning is left out: an LLM must judge it.

Released file: nothing in it is known to tell format and aspect, so its data_source is the bare name. The
score does not need them: it is the mean over questions.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from videor1.data.annotations.benchmark import Benchmark, Needs
from videor1.data.annotations.questions import letter_of, record_of
from videor1.data.annotations.rows import AnnotationFile, Row
from videor1.data.records import shown
from videor1.errors import RecordError
from videor1.types import Record

NAME = "TempCompass"
CAPTIONING = "captioning"
SEPARATORS = {"multi-choice": ".", "caption_matching": ":", "yes_no": None}  # between a label and its option


def _upstream(file: AnnotationFile, media: PurePosixPath) -> Iterator[Record]:
    names = (file.path.stem, file.path.parent.name)
    manner = next((name for name in names if name in (*SEPARATORS, CAPTIONING)), None)
    if manner is None:
        known = ", ".join((*SEPARATORS, CAPTIONING))
        raise RecordError(f"{file.path}: neither file nor folder is named after a format of {NAME}: {known}")
    if manner == CAPTIONING:
        return
    for row in _flat(file):
        aspect, video = row.text("dim"), row.text("video_id")
        problem, options, answer = _parts(row, SEPARATORS[manner])
        yield record_of(
            row,
            problem_id=f"{manner}/{video}/{aspect}/{row.number}",
            problem=problem,
            path=media / f"{video}.mp4",
            data_source=f"{NAME}/{manner} {aspect}",
            options=options,
            answer=answer,
        )


def _flat(file: AnnotationFile) -> Iterator[Row]:
    """The questions of either kind of file with the fields of the parquet."""
    for row in file.rows:
        if "question" in row.values:
            yield row
            continue
        for video, aspects in row.values.items():
            named = f"{file.path}: {_line(video)}"
            if not isinstance(aspects, dict):
                raise RecordError(f"{named}: expected an object of aspects, got {shown(aspects)}")
            for aspect, asked in aspects.items():
                where = f"{named}, {_line(aspect)}"
                if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
                    raise RecordError(f"{where}: expected a list of objects, got {shown(asked)}")
                for number, one in enumerate(asked):
                    values = {"video_id": video, "dim": aspect, **one}
                    yield Row(where=f"{where}, record {number}", number=number, values=values)


def _line(key: str) -> str:
    """A key of an object as errors show it: it may be any text, and they are one line."""
    return " ".join(key.split())


def _parts(row: Row, separator: str | None) -> tuple[str, tuple[str, ...], str]:
    """The question without its options, the options, and the letter of the answer."""
    text, answer = row.text("question"), row.text("answer")
    if separator is None:
        return text, ("yes", "no"), letter_of(row, answer.lower(), ("yes", "no"))
    problem, *lines = [line.strip() for line in text.splitlines() if line.strip()]
    pairs = [line.partition(separator) for line in lines]
    if not pairs or not all(middle for _, middle, _ in pairs):
        raise row.error(
            f"'question' must end in lines of the form <label>{separator} <option>, got {shown(text)}"
        )
    labels = tuple(label for label, _, _ in pairs)
    options = tuple(option.strip() for _, _, option in pairs)
    return problem, options, letter_of(row, answer.partition(separator)[0], labels)


def _task(row: Row) -> None:
    return None


TEMPCOMPASS = Benchmark(
    name=NAME,
    upstream=_upstream,
    task=_task,
    needs=Needs(
        released="eval_tempcompass.json",
        upstream="questions/, with multi-choice.json, yes_no.json, caption_matching.json,"
        " or folders of these names with parquet files",
        media="<video>.mp4",
        questions=5536,
    ),
)
