"""The authorizer's layer: the library that verifies tokens, as wheels for Lambda, whatever machine deploys."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pulumi

REQUIREMENTS = Path(__file__).with_name("authorizer-requirements.txt")

_BUILDS = Path(__file__).resolve().parent.parent / ".build"

_PLATFORM = (
    *("--implementation", "cp", "--python-version", "3.13"),
    # Amazon Linux 2023, under Lambda's Python 3.13, has glibc 2.34.
    *("--platform", "manylinux_2_28_aarch64", "--platform", "manylinux2014_aarch64"),
)
_LEFT_OUT = ("bin/*", *(f"*.dist-info/{note}" for note in ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json")))
"""Programs for the terminal, and what pip notes about an installation: they differ by machine and pip."""


class AuthorizerLayerError(pulumi.RunError):
    """The layer cannot be built. Pulumi prints it without a stack trace."""

    def __init__(self, reason: str) -> None:
        """Say what is wrong and what to do.

        Args:
            reason: What is wrong.
        """
        super().__init__(
            f"The layer of the authorizer, which authentication: jwt needs, cannot be built: {reason}. It is what pip "
            f"of {sys.executable} installs from {REQUIREMENTS}: see that this pip is there (python -m ensurepip), and "
            f"that it reaches a package index."
        )


def authorizer_layer() -> pulumi.AssetArchive:
    """Build the content of the layer, unless it has been built before: the same bytes on every machine.

    No package is compiled and nothing of it is run: the wheels, pinned by their hashes, are unpacked.
    https://docs.aws.amazon.com/lambda/latest/dg/python-layers.html

    Raises:
        AuthorizerLayerError: pip is missing, or has failed.
    """
    return pulumi.AssetArchive({"python": pulumi.FileArchive(str(_built()))})


def _built() -> Path:
    """The folder of the packages, named by everything that decides what is in it."""
    recipe = json.dumps([REQUIREMENTS.read_text(), _PLATFORM, _LEFT_OUT])
    build = _BUILDS / f"authorizer-layer-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    if not build.is_dir():
        _BUILDS.mkdir(exist_ok=True)
        with TemporaryDirectory(dir=_BUILDS) as directory:
            packages = Path(directory) / "python"
            _install(packages)
            for file in [file for pattern in _LEFT_OUT for file in packages.glob(pattern)]:
                file.unlink()
            try:
                packages.rename(build)
            except OSError:
                if not build.is_dir():  # Otherwise somebody else was faster.
                    raise
    return build


def _install(packages: Path) -> None:
    done = subprocess.run(  # noqa: S603 - no shell, and no argument from outside
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"),
            *("--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile", *_PLATFORM),
            *("--target", str(packages), "--requirement", str(REQUIREMENTS)),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AuthorizerLayerError(done.stderr.strip() or f"pip ended with {done.returncode}")
