"""The content of the authorizer's layer, which pip installs."""

import hashlib
import re
import shutil
import struct
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pulumi
import pytest

from components import authorizer_layer as layer

from .stack import PROJECT

AARCH64 = 183
"""https://www.sco.com/developers/gabi/latest/ch4.eheader.html"""


def build() -> Path:
    """Build the layer. Returns the folder that becomes ``/opt/python``."""
    archive = layer.authorizer_layer()
    assert list(archive.assets) == ["python"]
    packages = archive.assets["python"]
    assert isinstance(packages, pulumi.FileArchive)
    return Path(packages.path)


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for builds that only this test uses."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "websocket-chat"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A built layer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield build()


@pytest.fixture
def copying(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy the built layer instead of running pip, which takes seconds."""
    monkeypatch.setattr(layer, "_install", lambda target: shutil.copytree(packages, target))


def files(folder: Path) -> dict[str, str]:
    """Digest of every file, by path."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def pins(requirements: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", requirements.read_text(), re.MULTILINE))


@pytest.mark.usefixtures("builds")
def test_two_builds_are_identical(packages: Path) -> None:
    again = build()
    assert again != packages
    assert again.name == packages.name
    assert files(again) == files(packages)


def test_the_layer_has_only_the_libraries_and_nothing_specific_to_a_machine(packages: Path) -> None:
    content = files(packages)
    assert content.keys() >= {
        "jwt/__init__.py",
        "cryptography/__init__.py",
        "cryptography/hazmat/bindings/_rust.abi3.so",
        "_cffi_backend.cpython-313-aarch64-linux-gnu.so",
    }
    top = {path.partition("/")[0] for path in content}
    assert {name for name in top if not name.endswith(".dist-info")} == {
        "jwt",
        "cryptography",
        "cffi",
        "pycparser",
        "_cffi_backend.cpython-313-aarch64-linux-gnu.so",
    }
    notes = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
    assert not [path for path in content if path.endswith(".pyc") or path.rpartition("/")[2] in notes]


def test_native_libraries_are_for_the_architecture_of_the_functions(packages: Path) -> None:
    libraries = [path for path in packages.rglob("*") if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"]
    assert {library.suffix for library in libraries} == {".so"}
    assert len(libraries) == len(list(packages.rglob("*.so*"))) == 2
    for library in libraries:
        [machine] = struct.unpack_from("<H", library.read_bytes(), 18)
        assert machine == AARCH64, library


def test_an_existing_build_is_used_again(packages: Path, builds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = builds / packages.name
    shutil.copytree(packages, built)
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    assert build() == built
    assert list(builds.iterdir()) == [built]


@pytest.mark.usefixtures("copying")
def test_other_requirements_make_another_layer(
    packages: Path, builds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(layer.REQUIREMENTS.read_text() + "# the same, for another reason\n")
    monkeypatch.setattr(layer, "REQUIREMENTS", requirements)
    assert build().name != packages.name
    assert len(list(builds.iterdir())) == 1


@pytest.mark.usefixtures("copying")
def test_a_build_that_another_program_finished_first_is_used(builds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install = layer._install  # noqa: SLF001 - the other program must finish while this one installs

    def install_twice(packages: Path) -> None:
        monkeypatch.setattr(layer, "_install", install)
        build()
        install(packages)

    monkeypatch.setattr(layer, "_install", install_twice)
    built = build()
    assert (built / "jwt/__init__.py").is_file()
    assert list(builds.iterdir()) == [built]


def test_a_wheel_with_another_hash_is_refused_and_leaves_nothing(
    builds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"pyjwt=={pins(layer.REQUIREMENTS)['pyjwt']} --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(layer, "REQUIREMENTS", requirements)
    with pytest.raises(pulumi.RunError, match=r"(?s)cannot be built: .*DO NOT MATCH THE HASHES.*Do not use it"):
        build()
    assert list(builds.iterdir()) == []


def test_a_requirement_without_a_hash_is_refused(tmp_path: Path, builds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"pyjwt=={pins(layer.REQUIREMENTS)['pyjwt']}\n")
    monkeypatch.setattr(layer, "REQUIREMENTS", requirements)
    with pytest.raises(pulumi.RunError, match=r"(?s)cannot be built: .*missing from some requirements"):
        build()
    assert list(builds.iterdir()) == []


@pytest.mark.usefixtures("builds")
def test_missing_pip_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare/bin/python"))
    with pytest.raises(
        pulumi.RunError, match=r"(?s)No module named pip.*Install pip .*/bare/bin/python -m ensurepip\.$"
    ):
        build()


@pytest.mark.usefixtures("builds")
@pytest.mark.parametrize("quiet", ["0", "3"])
def test_an_index_that_cannot_be_reached_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch, quiet: str) -> None:
    settings = {"INDEX_URL": "http://127.0.0.1:9/simple", "RETRIES": "0", "NO_CACHE_DIR": "1", "QUIET": quiet}
    for name, value in settings.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(
        pulumi.RunError, match=r"(?s)No matching distribution.*Check that pip can reach a package index"
    ):
        build()


@pytest.mark.parametrize("where", ["environment", "file"])
def test_settings_of_pip_that_change_what_is_installed_have_no_effect(
    packages: Path, builds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    (tmp_path / "constraints.txt").write_text("pyjwt==1.0\n")
    settings = {
        "user": "1",
        "prefix": str(tmp_path / "elsewhere"),
        "target": str(tmp_path / "elsewhere"),
        "constraint": str(tmp_path / "constraints.txt"),
        "no-binary": ":all:",
        "platform": "win_amd64",
    }
    if where == "environment":
        for name, value in settings.items():
            monkeypatch.setenv(f"PIP_{name.upper().replace('-', '_')}", value)
    else:
        lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
        (tmp_path / "pip.conf").write_text(f"[install]\n{lines}\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    assert files(build()) == files(packages)
    assert not (tmp_path / "elsewhere").exists()
    assert list(builds.iterdir()) == [builds / packages.name]


@pytest.mark.parametrize("given", ["", "relative/path"])
def test_without_a_cache_that_is_set_the_home_folder_has_one(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert layer.builds() == tmp_path / ".cache/websocket-chat"


def test_a_cache_that_cannot_be_written_is_said_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(
        pulumi.RunError, match=r"(?s)cannot be built: .*Not a directory.*name another folder in XDG_CACHE_HOME"
    ):
        build()


def test_the_tests_use_the_deployed_versions() -> None:
    deployed, tested = pins(layer.REQUIREMENTS), pins(PROJECT / "requirements-dev.txt")
    assert {"pyjwt", "cryptography"} <= deployed.keys()
    assert deployed.items() <= tested.items()
