"""Media and questions that come twice: within a split, and in a split and a file it will be examined with."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from videor1.audit.finding import EXAMPLES
from videor1.audit.library import Library


def duplicates(ours: Library) -> dict[str, Any]:
    """Questions asked more than once about the same media, and media stored under several paths."""
    asked: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for place, question in enumerate(ours.questions):
        asked[question].append(place)
    repeated = [places for places in asked.values() if len(places) > 1]
    stored: defaultdict[str, set[str]] = defaultdict(set)
    for path, digest in zip(ours.survey.paths, ours.digests, strict=True):
        if digest is not None:
            stored[digest].add(path)
    several = [sorted(paths) for paths in stored.values() if len(paths) > 1]
    positions, solutions = ours.survey.positions, ours.survey.solutions
    return {
        "questions": {
            "asked_again": len(repeated),
            "records_too_many": sum(len(places) - 1 for places in repeated),
            "with_other_solutions": sum(len(np.unique(solutions[places])) > 1 for places in repeated),
            "examples": [positions[places[:EXAMPLES]].tolist() for places in repeated[:EXAMPLES]],
        },
        "media": {
            "under_several_paths": len(several),
            "paths_too_many": sum(len(paths) - 1 for paths in several),
            "examples": [paths[:EXAMPLES] for paths in several[:EXAMPLES]],
        },
    }


def overlap(ours: Library, theirs: Library) -> dict[str, Any]:
    """What a split shares with another file, by the words of the paths and by the content of the files."""
    our_paths, our_questions = set(ours.survey.paths), set(ours.questions)
    our_path_of = {
        digest: path for digest, path in zip(ours.digests, ours.survey.paths, strict=True) if digest
    }
    their_paths, their_digests = set(theirs.survey.paths), set(theirs.digests) - {None}
    counts = dict.fromkeys(("same_path", "same_content", "same_path_only", "same_question"), 0)
    examples: list[dict[str, Any]] = []
    columns = zip(theirs.survey.paths, theirs.digests, theirs.questions, strict=True)
    for path, digest, question in columns:
        same_path, same_content = path in our_paths, digest in our_path_of
        counts["same_path"] += same_path
        counts["same_content"] += same_content
        counts["same_path_only"] += same_path and not same_content
        counts["same_question"] += same_content and question in our_questions
        if (same_path or same_content) and len(examples) < EXAMPLES:
            here = path if same_path else our_path_of[digest or ""]
            examples.append(
                {"here": here, "there": path, "same_path": same_path, "same_content": same_content}
            )
    ours_shared = [
        path in their_paths or digest in their_digests
        for path, digest in zip(ours.survey.paths, ours.digests, strict=True)
    ]
    return {
        "file": str(theirs.file),
        "records": len(theirs.survey.paths),
        "malformed": theirs.malformed,
        "media_missing": theirs.missing,
        **counts,
        "records_here": sum(ours_shared),
        "examples": examples,
    }
