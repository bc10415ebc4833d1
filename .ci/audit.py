"""Says whether a vulnerability is known in anything that is pinned. Needs the network; without it, says so.

The status is 1 for a finding, and 0 where there is none or nobody to ask: a check must not fail by its surroundings.
Arguments are handed on to pip-audit, such as another service: ``--vulnerability-service osv``.
"""

import json
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ("requirements.txt", "components/authorizer-requirements.txt", "requirements-dev.txt")

ACCEPTED: dict[str, str] = {}
"""Vulnerabilities we live with: id, and why it cannot hurt here."""


def main() -> None:
    """Audit, and end the process."""
    done = _pip_audit(*sys.argv[1:])
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        if _pip_audit("--dry-run").returncode:  # It cannot even read what is pinned.
            sys.exit(done.stderr)
        _warn("the vulnerability service cannot be reached", done.stderr.strip().rpartition("\n")[2])
        return
    findings = [
        f"{package['name']} {package['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none'}"
        for package in packages
        for found in package.get("vulns", ())
        if ACCEPTED.keys().isdisjoint((found["id"], *found["aliases"]))
    ]
    skipped = [package["skip_reason"] for package in packages if "skip_reason" in package]
    if skipped:
        _warn(f"the vulnerability service does not know {len(skipped)} of {len(packages)} packages", skipped[0])
    if findings:
        sys.exit("\n".join(["Known vulnerabilities:", *findings]))


def _pip_audit(*more: str) -> subprocess.CompletedProcess[str]:
    files = [argument for file in REQUIREMENTS for argument in ("--requirement", str(PROJECT / file))]
    return subprocess.run(  # noqa: S603 - no shell; the arguments are the developer's own
        [
            *(sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--format", "json"),
            *("--progress-spinner", "off", *files, *more),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def _warn(what: str, detail: str) -> None:
    print(f"\n*** NOT AUDITED: {what}. ***\n{detail}\n", file=sys.stderr)


if __name__ == "__main__":
    main()
