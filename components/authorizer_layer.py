"""The authorizer's layer: the library that verifies tokens, as wheels for Lambda on any machine."""

import ast
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pulumi

REQUIREMENTS = Path(__file__).with_name("authorizer-requirements.txt")

_PLATFORM = (
    *("--implementation", "cp", "--python-version", "3.13"),
    # Amazon Linux 2023, under Lambda's Python 3.13, has glibc 2.34.
    *("--platform", "manylinux_2_28_aarch64", "--platform", "manylinux2014_aarch64"),
)
_LEFT_OUT = ("bin/*", *(f"*.dist-info/{note}" for note in ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json")))
"""Programs for the terminal, and pip's notes about the installation: they differ by machine and by version of pip."""


_HOW_TO_REACH_THE_INDEX = {
    *("index-url", "extra-index-url", "no-index", "find-links", "trusted-host", "keyring-provider"),
    *("proxy", "cert", "client-cert", "timeout", "default-timeout", "retries", "cache-dir", "no-cache-dir"),
}
"""The user's settings of pip that hold for the build, too. All others are left out: they may install elsewhere, or
other versions. https://pip.pypa.io/en/stable/topics/configuration/"""

_SECTIONS = ("global.", "install.", ":env:.")
"""The parts of pip's configuration that hold for the build. A later one counts more."""


class AuthorizerLayerError(pulumi.RunError):
    """The layer cannot be built. Pulumi prints it without a stack trace."""

    def __init__(self, reason: str, advice: str) -> None:
        """Say what is wrong, where, and what to do.

        Args:
            reason: What is wrong.
            advice: What to do.
        """
        super().__init__(
            f"The authorizer's layer, which authentication: jwt needs, cannot be built: {reason.strip()}\n"
            f"{sys.executable} -m pip installs it from {REQUIREMENTS}. {advice}."
        )

    @classmethod
    def of_pip(cls, errors: str) -> "AuthorizerLayerError":
        """The error for what pip printed."""
        if "No module named pip" in errors:
            return cls(errors, f"Install pip for this Python: {sys.executable} -m ensurepip")
        if "DO NOT MATCH THE HASHES" in errors:
            return cls(
                errors, "The package index has another file under this name. Do not use it: ask who runs the index"
            )
        return cls(errors, "Check that pip can reach a package index: pip config list shows which one")

    @classmethod
    def of_cache(cls, error: OSError) -> "AuthorizerLayerError":
        """The error for a cache that cannot be written."""
        return cls(str(error), f"Let this user write to {builds()}, or name another folder in XDG_CACHE_HOME")


def builds() -> Path:
    """The folder of all builds: in the user's cache, because the package may be where nobody may write.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".cache") / "websocket-chat"


def authorizer_layer() -> pulumi.AssetArchive:
    """Build the content of the layer, unless it was built before. It has the same bytes on every machine.

    pip only unpacks wheels, which are pinned by their hashes. It compiles nothing and runs no code from them.
    https://docs.aws.amazon.com/lambda/latest/dg/python-layers.html

    Raises:
        AuthorizerLayerError: pip is missing or failed, or the cache cannot be written.
    """
    return pulumi.AssetArchive({"python": pulumi.FileArchive(str(_built()))})


def _built() -> Path:
    """The folder of the packages. Its name is a digest of everything that decides what is in it."""
    recipe = json.dumps([REQUIREMENTS.read_text(), _PLATFORM, _LEFT_OUT])
    build = builds() / f"authorizer-layer-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    if not build.is_dir():
        try:
            _build(build)
        except OSError as error:
            raise AuthorizerLayerError.of_cache(error) from error
    return build


def _build(build: Path) -> None:
    build.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=build.parent) as directory:
        packages = Path(directory) / "python"
        _install(packages)
        for file in [file for pattern in _LEFT_OUT for file in packages.glob(pattern)]:
            file.unlink()
        try:
            packages.rename(build)
        except OSError:
            if not build.is_dir():  # Otherwise another program was faster.
                raise


def _install(packages: Path) -> None:
    _pip(
        *("install", "--quiet", "--no-input", "--disable-pip-version-check"),
        *("--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile", *_PLATFORM),
        *("--target", str(packages), "--requirement", str(REQUIREMENTS)),
        environment=_own_settings(),
    )


def _own_settings() -> dict[str, str]:
    """The environment for pip: the user's, with only those settings of pip that say how to reach the package index."""
    # The user's setting quiet, of up to 3, would hide the list.
    text = _pip("config", "list", "-vvv", environment=dict(os.environ))
    listed = [line.partition("=") for line in text.splitlines()]
    settings = {
        f"PIP_{name.removeprefix(section).upper().replace('-', '_')}": str(ast.literal_eval(value))
        for section in _SECTIONS
        for name, _, value in listed
        if name.removeprefix(section) in _HOW_TO_REACH_THE_INDEX
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return others | settings | {"PIP_CONFIG_FILE": os.devnull}


def _pip(*arguments: str, environment: dict[str, str]) -> str:
    """Run pip. Returns what it prints.

    Raises:
        AuthorizerLayerError: It failed.
    """
    done = subprocess.run(  # noqa: S603 - no shell, and no argument from outside
        [sys.executable, "-m", "pip", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AuthorizerLayerError.of_pip(done.stderr.strip() or f"pip ended with {done.returncode}")
    return done.stdout
