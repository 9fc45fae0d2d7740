"""python -m tests.resume.driver: runs commands of cli.py in forks, so that libraries are imported once.

Reads jobs from stdin, one JSON object a line, and answers each with the exit statuses of its ranks; a
signal's number is negative, as in `subprocess`. Each job is a process group of its own. null ends it.
"""

from __future__ import annotations

import json
import os
import socket
import sys

import cli


def start(words: list[str], *, group: int, log: str, rank: int, ranks: int, port: int) -> int:
    pid = os.fork()
    if pid:
        os.setpgid(pid, group or pid)
        return pid
    os.setpgid(0, group)
    for stream in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    if ranks > 1:
        os.environ |= as_srun(rank, ranks) | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    try:
        status = cli.run(words)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def as_srun(rank: int, ranks: int) -> dict[str, str]:
    """What SLURM tells a task of a job on one node."""
    told = {"JOB_ID": "1", "JOB_NAME": "test", "NTASKS": ranks, "NTASKS_PER_NODE": ranks, "NNODES": 1}
    told |= {"PROCID": rank, "LOCALID": rank, "NODEID": 0, "NODELIST": "127.0.0.1"}
    return {f"SLURM_{name}": str(value) for name, value in told.items()}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        if job is None:
            break
        group, pids, port = 0, [], free_port()
        for rank in range(job["ranks"]):
            pids.append(
                start(job["words"], group=group, log=job["log"], rank=rank, ranks=job["ranks"], port=port)
            )
            group = pids[0]
        statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        print(json.dumps(statuses), flush=True)


if __name__ == "__main__":
    main()
