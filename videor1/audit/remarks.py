"""What is worth a sentence in the numbers of a split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from videor1.audit.wording import count, many, percent, size


def remarks(split: dict[str, Any]) -> list[str]:
    """One sentence each; what is as it should be is not mentioned."""
    return [
        *_media(split),
        *_epoch(split["epoch"]),
        *_prompts(split["prompts"]),
        *_answers(split["answers"]),
        *_repeats(split["duplicates"]),
        *_overlaps(split["overlaps"]),
    ]


def _media(split: dict[str, Any]) -> Iterator[str]:
    media, rate = split["media"], split["speed"]["clips_per_second_a_worker"]
    told = f"{many(media['files'], 'media file')}, {size(media['bytes'])}"
    yield told + (f"; {rate:.1f} clips a second from each loader worker" if rate else "")
    if split["unknown_source"]:
        yield f'{many(split["unknown_source"], "record")} without data_source, read as "unknown"'


def _epoch(epoch: dict[str, Any] | None) -> Iterator[str]:
    if epoch:
        yield (
            f"an epoch draws {many(epoch['records'], 'record')} in {many(epoch['steps'], 'step')}:"
            f" ranks {epoch['ranks']} × batch {epoch['batch_size']} × accumulated {epoch['accumulate']},"
            f" passes {epoch['passes']}"
        )


def _prompts(prompts: dict[str, Any]) -> Iterator[str]:
    full, limit = prompts["full"]["before"], f"max_prompt_tokens = {count(prompts['max_prompt_tokens'])}"
    if full is None:
        return
    yield f"prompt and response have up to {count(full['100 %'])} tokens, half up to {count(full['50 %'])}"
    if overflow := prompts["overflow"]:
        fitting = f"{count(prompts['lowered'])} of them fit with less of their media"
        yield f"{count(overflow)} pass {limit}; {fitting}"


def _answers(answers: dict[str, Any]) -> Iterator[str]:
    for flaw in answers["flaws"].values():
        if flaw["records"]:
            yield f"{count(flaw['records'])} × {flaw['what']}, such as record {flaw['examples'][0]}"
    for options, row in answers["letters"].items():
        if row["skewed"]:
            letter = max(row["counts"], key=row["counts"].get)
            yield (
                f"{letter} is right in {percent(row['largest_share'])} of {many(row['records'], 'question')}"
                f" with {options} options, where {percent(row['even_share'])} would be even"
            )


def _repeats(duplicates: dict[str, Any]) -> Iterator[str]:
    questions, media = duplicates["questions"], duplicates["media"]
    if questions["asked_again"]:
        first = " and ".join(map(str, questions["examples"][0][:2]))
        yield (
            f"{many(questions['asked_again'], 'question')} asked more than once about the same media, by"
            f" {many(questions['records_too_many'], 'record')} too many, such as records {first};"
            f" {count(questions['with_other_solutions'])} of them with another solution"
        )
    if media["under_several_paths"]:
        yield (
            f"{many(media['under_several_paths'], 'media file')} under several paths, such as"
            f" {' and '.join(media['examples'][0][:2])}"
        )


def _overlaps(overlaps: list[dict[str, Any]]) -> Iterator[str]:
    for row in overlaps:
        if row["records_here"]:
            yield f"{many(row['records_here'], 'record')} about media of {row['file']}"
