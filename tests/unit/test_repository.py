"""What the files around the package promise about each other."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from exauq_tui import config

REPOSITORY = Path(__file__).resolve().parents[2]


def test_every_dependency_is_pinned_to_a_version_that_it_allows() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    pins: dict[str, str] = {}
    for line in (REPOSITORY / "constraints-dev.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            pins[canonicalize_name(name)] = version
    for requirement in map(Requirement, wanted):
        version = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


def test_pins_and_scripts_name_no_address_to_download_from() -> None:
    for name in ("constraints-dev.txt", "Makefile", "scripts/install-tools", ".ci/run"):
        assert "://" not in (REPOSITORY / name).read_text(encoding="utf-8"), name


def test_the_readme_refers_only_to_files_that_exist() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert "://" in target or (REPOSITORY / target).exists(), target


def test_the_readmes_first_profile_loads(tmp_path: Path) -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- config-example:start -->\s*```toml\n(.*?)```", text, re.DOTALL)
    assert found is not None
    path = tmp_path / "config.toml"
    path.write_text(found[1], encoding="utf-8")
    loaded = config.load(path)
    assert loaded.problems == ()
    assert [server.name for server in loaded.servers] == ["hpc1"]
    assert loaded.servers[0].input_names == ("x1", "x2", "x3")
