"""The plugin that Pulumi starts for programs in other languages."""

import sys
from pathlib import Path

from pulumi import RunError

# Pulumi clones the whole repository, and runs this folder.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

try:
    import components  # noqa: F401 - It checks the Python. So an older one must be able to read this file.
except RunError as error:
    sys.exit(str(error))

from package.provider import serve

serve()
