"""Lock files hold every pin of the requirements they stand for; an audit that asked nobody fails."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = {
    "requirements.lock": ["requirements.txt", "requirements-dev.txt"],
    "requirements-cpu.lock": ["requirements-cpu.txt", "requirements-dev.txt"],
    "requirements-vllm-cpu.lock": [
        *("requirements-cpu.txt", "requirements-vllm-cpu.txt", "requirements-dev.txt"),
    ],
}
_SPEC = importlib.util.spec_from_file_location("audit", ROOT / "tools/audit.py")
audit = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(audit)


def wanted(file: str) -> dict[str, str | None]:
    """Version of each package that a requirements file names; None where another file has it."""
    lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    pins = [line.partition("==") for line in lines if line and not line.startswith("-")]
    return {name.lower(): version or None for name, _, version in pins}


def locked(file: str) -> dict[str, tuple[str, int]]:
    """Version of each package in a lock file, without "+cpu", and how many hashes it has."""
    found: dict[str, tuple[str, int]] = {}
    for line in (ROOT / file).read_text().splitlines():
        if pin := re.match(r"([a-z0-9.-]+)==([^ ;+]+)", line):
            name = pin[1]
            found[name] = pin[2], 0
        elif re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line):
            found[name] = found[name][0], found[name][1] + 1
    return found


@pytest.mark.parametrize("file", LOCKS)
def test_a_lock_agrees_with_its_requirements(file):
    versions = wanted("requirements.txt")
    found = locked(file)
    asked = {name: version for one in LOCKS[file] for name, version in wanted(one).items()}
    assert len(asked) > 30
    for name, version in asked.items():
        assert found[name][0] == (version or versions[name]), f"{name}: run `make lock`"
    assert all(hashes for _, hashes in found.values())
    assert len(found) > len(asked)  # and what those need
    lines = (ROOT / file).read_text().splitlines()
    assert not [line for line in lines if line.startswith("-") or "/" in line]  # no place on one machine


def test_an_audit_fails_where_packages_were_not_looked_up(tmp_path):
    lock = tmp_path / "a.lock"
    lock.write_text("# by\none==1.0 \\\n    --hash=sha256:00\ntwo==2.0+cpu \\\n    --hash=sha256:00\n")
    assert audit.plain(str(lock)) == "one==1.0\ntwo==2.0\n"
    one, two = ({"name": name, "version": "1", "vulns": []} for name in ("one", "two"))
    flaw = {"id": "PYSEC-1", "fix_versions": ["3.0"]}
    cases = {
        0: ([one, two], ""),
        1: ([one, two | {"vulns": [flaw]}], ""),
        2: ([one, {"name": "two", "skip_reason": "not found"}], ""),
    }
    for status, found in cases.items():
        assert audit.judge(str(lock), *found)[0] == status
    assert audit.judge(str(lock), *cases[1])[1][0].endswith("two 1: PYSEC-1, fixed in 3.0")
    status, lines = audit.judge(str(lock), [], "no route")
    assert (status, lines) == (2, [f"{lock}: 2 of 2 packages were NOT looked up: no route"])
    assert audit.judge(str(lock), [one | {"vulns": [flaw]}], "")[0] == 1  # what is known is known
