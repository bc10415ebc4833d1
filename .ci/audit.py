"""Reports known vulnerabilities in the pinned packages. It needs the network, and warns you if it has none.

The exit status is 1 for a finding. It is 0 without one, and also if the service cannot be reached: a check must not
fail because of the network. Arguments go to pip-audit: ``--vulnerability-service osv``, for example, asks another
service.
"""

import json
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ("requirements.txt", "components/authorizer-requirements.txt", "requirements-dev.txt")

ACCEPTED: dict[str, str] = {}
"""Vulnerabilities that we accept, by id, and why each does no harm here."""


def main() -> None:
    """Audit the packages. Exit with a message if there is a finding."""
    done = _pip_audit(*sys.argv[1:])
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        if _pip_audit("--dry-run").returncode:  # It cannot read the pinned packages.
            sys.exit(done.stderr)
        _warn("the vulnerability service cannot be reached", done.stderr.strip().rpartition("\n")[2])
        return
    findings = [
        f"{package['name']} {package['version']}: {found['id']}, "
        f"fixed in {', '.join(found['fix_versions']) or 'no version yet'}"
        for package in packages
        for found in package.get("vulns", ())
        if ACCEPTED.keys().isdisjoint((found["id"], *found["aliases"]))
    ]
    skipped = [package["skip_reason"] for package in packages if "skip_reason" in package]
    if skipped:
        _warn(f"the vulnerability service does not know {len(skipped)} of {len(packages)} packages", skipped[0])
    if findings:
        sys.exit("\n".join(["Known vulnerabilities. Update the packages, or accept one in .ci/audit.py:", *findings]))


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
