"""One audit of the damaged corpus, which several files look at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.audit.corpus import RESPONSE, ROOM, words, write_world


@pytest.fixture(scope="session")
def corpus(world, tiny_processor, tmp_path_factory):
    written = write_world(tmp_path_factory.mktemp("corpus"), world / "model")
    limit = words(written.root, tiny_processor, 12) + ROOM + RESPONSE
    return replace(written, max_prompt_tokens=limit)


@pytest.fixture(scope="session")
def audited(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    corpus.audit(folder, benchmarks=("bench.json",))
    return folder / "audit"
