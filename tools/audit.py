"""Known vulnerabilities of what lock files pin, by pip-audit; `make audit` runs it.

pip-audit itself ends with success where its advisory service knows none of the packages it is asked about, as
behind a package mirror that serves files alone. Here what was not looked up is a failure.

Exit status: 0 all were looked up and nothing is known; 1 vulnerabilities; 2 not all were looked up.
"""

import json
import subprocess
import sys

SERVICES = ("pypi", "osv")


def look_up(lock: str, service: str) -> tuple[list[dict], str]:
    """The packages of a lock file with what is known of each, or none and why."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", "/dev/stdin", "--no-deps", "--disable-pip"]
    command += ["--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, input=plain(lock), capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)["dependencies"], ""
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines()
        return [], lines[-1][:200] if lines else f"pip-audit ended with exit status {done.returncode}"


def plain(lock: str) -> str:
    """The pins of a lock file, without hashes, and without the "+cpu" that no advisory names."""
    with open(lock, encoding="utf-8") as file:
        pins = [line.split()[0] for line in file if "==" in line and not line.startswith((" ", "#"))]
    return "".join(pin.split("+")[0] + "\n" for pin in pins)


def judge(lock: str, found: list[dict], why: str) -> tuple[int, list[str]]:
    """Exit status, and what to say."""
    pins = len(plain(lock).splitlines())
    known = [one for one in found if one.get("vulns")]
    lost = pins - sum("vulns" in one for one in found)
    lines = [
        f"{lock}: {one['name']} {one['version']}: {flaw['id']}, fixed in"
        f" {', '.join(flaw['fix_versions']) or 'no release'}"
        for one in known
        for flaw in one["vulns"]
    ]
    if lost:
        why = why or next((one["skip_reason"] for one in found if "skip_reason" in one), "not in the answer")
        lines.append(f"{lock}: {lost} of {pins} packages were NOT looked up: {why}")
    else:
        lines.append(f"{lock}: {pins} packages looked up, {len(known)} with known vulnerabilities")
    return (1 if known else 2 if lost else 0), lines


def main(locks: list[str]) -> int:
    """Asks one service, then the other, until every package was looked up; returns the exit status."""
    statuses = []
    for lock in locks:
        for service in SERVICES:
            status, lines = judge(lock, *look_up(lock, service))
            print("\n".join(f"{service}: {line}" for line in lines))
            if status != 2:
                break
        statuses.append(status)
    if 2 in statuses:
        print("audit: not everything was looked up, so this is no all-clear", file=sys.stderr)
    return 1 if 1 in statuses else max(statuses)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
