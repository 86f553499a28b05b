"""The house keeps its own rules.

Each rule is a function from the root of a tree to what breaks it, so that the canaries at the end
can show on a spoiled tree that the rule still sees.
"""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from tests.sources import FLOORS, ROOT, Function, below, import_everything, modules, trees

LONGEST = 400
VAGUE = {"utils", "helpers", "common", "core", "base", "service", "services", "manager"}
MARKS = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)) + r")\b")
ELSEWHERE = [  # in two halves, or this file would be found
    a + b
    for a, b in (
        ("py", "pi.org"),
        ("python", "hosted.org"),
        ("npm", "js.org"),
        ("npm", "js.com"),
        ("deb.", "debian.org"),
        ("docker", ".io"),
        ("gh", "cr.io"),
        ("/wo", "rk/"),
        ("/ro", "ot/"),
        ("/opt/", "pypi"),
        ("/opt/", "wheels"),
    )
]
ADDRESSED_LOCKS = {"uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock"}


def too_long(root: Path) -> list[str]:
    lengths = {
        name: len(path.read_text("utf-8").splitlines())
        for name, path in modules(root, *FLOORS, "tests", "bench")
    }
    return [f"{name}: {length} lines" for name, length in lengths.items() if length > LONGEST]


def unopened(root: Path) -> list[str]:
    """Return the modules that do not open with one sentence."""
    docstrings = {
        name: ast.get_docstring(tree) or ""
        for name, tree in trees(root, *FLOORS, "tests", "bench", "migrations")
    }
    return [name for name, text in docstrings.items() if not re.match(r".+[.?!](\n\n|\Z)", text)]


def public(body: Iterable[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node


def undocumented(root: Path) -> list[str]:
    """Return the public functions and classes, and methods of their own, without docstrings.

    A protocol says once, at its top, what its methods are for; so does a class that fills in the
    methods of another library's class.
    """
    found = []
    for name, tree in trees(root, *FLOORS):
        for node in public(tree.body):
            if ast.get_docstring(node) is None:
                found.append(f"{name}: {node.name}")
            if isinstance(node, ast.ClassDef) and not node.bases:
                methods = [each for each in public(node.body) if ast.get_docstring(each) is None]
                found += [f"{name}: {node.name}.{each.name}" for each in methods]
    return found


def unfinished(root: Path) -> list[str]:
    return [
        f"{name}: {number}"
        for name, path in modules(root, *FLOORS, "tests", "bench", "migrations")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if MARKS.search(line)
    ]


def vague(root: Path) -> list[str]:
    names = [name for name, _ in modules(root, *FLOORS, "tests", "bench")]
    return [name for name in names if VAGUE & set(name.removesuffix(".py").split("/"))]


def commits(root: Path) -> set[str]:
    """Return the modules that begin or commit a transaction."""
    return {
        name
        for name, tree in trees(root, *FLOORS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"commit", "begin"}
    }


def raw_http_errors(root: Path) -> list[str]:
    routes = modules(root, "app/routes")
    return [name for name, path in routes if "HTTPException" in path.read_text("utf-8")]


def settings() -> list[type[BaseSettings]]:
    import_everything()
    ours = [each for each in below(BaseSettings) if each.model_config.get("env_prefix") == "PILAR_"]
    return sorted(ours, key=lambda each: each.__name__)


def tracked(root: Path) -> list[str]:
    """Return the names of the files that are, or would be, in the repository."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=root, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name and (root / name).is_file()]


def foreign(root: Path, names: Iterable[str]) -> list[str]:
    """Return the files that name a registry's host or a folder of somebody's machine."""
    found = []
    for name in names:
        text = (root / name).read_bytes().decode("utf-8", "replace")
        found += [f"{name}: {needle}" for needle in ELSEWHERE if needle in text]
    return found


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


RULES = [too_long, unopened, undocumented, unfinished, vague, raw_http_errors]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps(rule: Any) -> None:
    assert rule(ROOT) == []


def test_exactly_one_module_commits() -> None:
    assert commits(ROOT) == {"store/db.py"}


def test_the_floors_hold() -> None:
    done = lint_imports(ROOT)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_setting_is_in_the_example_with_its_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    lines = [line[2:] for line in text.splitlines() if re.match(r"# PILAR_\w+=", line)]
    example = tmp_path / "example"
    example.write_text("\n".join(lines))
    names = {line.partition("=")[0] for line in lines}
    for name in names:
        monkeypatch.delenv(name, raising=False)

    expected = {f"PILAR_{name.upper()}" for each in settings() for name in each.model_fields}
    from_example = [each(_env_file=example) for each in settings()]

    assert sorted(expected - names) == []
    assert from_example == [each(_env_file=None) for each in settings()]


def test_nothing_in_the_repository_names_a_registry_or_a_machine() -> None:
    names = tracked(ROOT)

    assert foreign(ROOT, names) == []
    assert [name for name in names if Path(name).name in ADDRESSED_LOCKS] == []


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for floor in FLOORS:
        skipped = shutil.ignore_patterns("__pycache__", "static")
        shutil.copytree(ROOT / floor, tmp_path / floor, ignore=skipped)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_an_import_that_runs_upward_is_seen(copy: Path) -> None:
    with (copy / "planner" / "errors.py").open("a") as module:
        module.write("\nimport store.types\n")

    done = lint_imports(copy)

    assert done.returncode == 1
    assert "planner is not allowed to import store" in done.stdout


SPOILED = {
    too_long: ("planner/long.py", '"""Long."""\n' + "x = 1\n" * LONGEST),
    unopened: ("store/silent.py", "x = 1\n"),
    undocumented: ("store/bare.py", '"""Bare."""\n\n\ndef add() -> None: ...\n'),
    unfinished: ("app/later.py", '"""Later."""  # ' + "TO" + "DO\n"),
    vague: ("store/utils.py", '"""Anything."""\n'),
    raw_http_errors: ("app/routes/raw.py", '"""Raw."""\nfrom fastapi import HTTPException\n'),
    commits: ("store/second.py", '"""Second."""\n\n\nasync def f(db):\n    await db.commit()\n'),
}


@pytest.mark.parametrize("rule", SPOILED, ids=lambda rule: rule.__name__)
def test_a_broken_rule_is_seen(rule: Any, tmp_path: Path) -> None:
    name, text = SPOILED[rule]
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(text)

    found = rule(tmp_path)

    assert len(found) == 1


def test_an_address_is_seen(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("--index-url https://" + "py" + "pi.org/simple\n")

    assert len(foreign(tmp_path, ["lock"])) == 1
