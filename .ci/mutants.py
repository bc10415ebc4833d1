"""Shows which changes of the code no test notices: the score of each module, and every change that survived.

Arguments are names of mutants, ``*`` standing for any text: ``handlers.protocol.cursors.*``. Without any, all run.
https://mutmut.readthedocs.io
"""

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

PROJECT = Path(__file__).resolve().parent.parent
NOTICED = {"killed", "timeout", "segfault", "caught by type check"}
LEFT_OUT = {"not checked", "skipped"}
"""Mutants that this run did not try."""


def main() -> None:
    """Run the mutants and print the results."""
    os.chdir(PROJECT)
    if subprocess.run([sys.executable, "-m", "mutmut", "run", *sys.argv[1:]], check=False).returncode:  # noqa: S603
        sys.exit("The mutants did not run. The tests must pass without a mutant: see above.")
    counts: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    for results in sorted(Path("mutants").rglob("*.py.meta")):
        module = results.relative_to("mutants").with_suffix("")
        for mutant, exit_code in json.loads(results.read_text())["exit_code_by_key"].items():
            status = status_by_exit_code[exit_code]
            if status in LEFT_OUT:
                continue
            counts[str(module)][status in NOTICED] += 1
            if status not in NOTICED:
                print(f"\n{mutant}: {status}\n{get_diff_for_mutant(mutant, path=module)}")
    counts["all"] = sum(counts.values(), Counter())
    print()
    for name, count in counts.items():
        print(f"{name:<40}{count[True]:>5} of {count.total():>5} noticed{count[True] / max(1, count.total()):>8.1%}")


if __name__ == "__main__":
    main()
