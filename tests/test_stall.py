"""The timer that ends a process in which nothing happens, whether it waits or holds the interpreter."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.runs import ROOT

BEGIN = """
import ctypes, os, threading, time
from videor1 import last_resort
from videor1.stall import StallTimer

def sleeps_forever():
    time.sleep(60)

def keeps_the_lock():
    ctypes.PyDLL(None).sleep(60)

timer = StallTimer(1.0, place="rank 3 of 4 on host7", label="[rank 3]")
timer.grace = 0.5
timer.start()
timer.beat(12)
"""


def run(script: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """What a process came to, and after how many seconds."""
    started = time.monotonic()
    words = [sys.executable, "-c", BEGIN + script]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    return done, time.monotonic() - started


def test_a_waiting_process_says_where_and_ends():
    reader = "threading.Thread(target=time.sleep, args=[60], name='reader').start()"
    done, seconds = run(f"{reader}; sleeps_forever()")
    assert done.returncode == 75
    lines = done.stderr.splitlines()
    assert lines[0] == "[rank 3] rank 3 of 4 on host7: nothing happened for 1 s, last in step 12"
    assert all(line.startswith("[rank 3] ") for line in lines)
    assert "[rank 3] MainThread (innermost call first):" in lines
    assert "[rank 3] reader (innermost call first):" in lines
    assert '[rank 3]   File "<string>", line 7, in sleeps_forever' in lines
    assert 1.5 <= seconds < 10


def test_a_process_that_keeps_the_lock_ends_too_and_tells_the_rank():
    done, seconds = run("keeps_the_lock()")
    assert done.returncode == 1
    assert 'File "<string>", line 10 in keeps_the_lock' in done.stderr
    assert 'File "rank 3 of 4 on host7"' in done.stderr
    assert 1.5 <= seconds < 10


def test_beats_keep_a_process_alive_and_stopping_forgets_it():
    done, _ = run(
        "for _ in range(10): time.sleep(0.2); timer.beat(13)\n"
        "ctypes.PyDLL(None).usleep(900_000)  # holds the lock, but not for long\n"
        "timer.beat(14); timer.stop(); time.sleep(2)"
    )
    assert done.returncode == 0
    assert done.stderr == ""


def test_two_who_have_a_use_for_the_last_resort_leave_each_other_alone():
    """Else a call of vLLM, which has a deadline of its own, would end the watch."""
    done, seconds = run(
        "last_resort.arm('call', 30); last_resort.disarm('call')\n"
        "last_resort.arm('long call', 30)\n"
        "keeps_the_lock()"
    )
    assert done.returncode == 1
    assert seconds < 10
    done, seconds = run("timer.seconds = 30; last_resort.arm('call', 0.5); keeps_the_lock()")
    assert done.returncode == 1
    assert seconds < 10
    done, _ = run("last_resort.arm('call', 0.5); last_resort.disarm('call'); timer.stop(); time.sleep(1)")
    assert done.returncode == 0
