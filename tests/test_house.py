"""The house keeps its own rules.

Each rule is a function from the root of a tree to what breaks it, so that the canaries at the end
can show on a spoiled tree that the rule still sees.
"""

import ast
import pkgutil
import re
import shutil
import string
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from app.problems import key_of
from planner import errors
from planner.errors import PilarError

ROOT = Path(__file__).parent.parent
FLOORS = ("app", "schedulers", "store", "planner")
LANGUAGES = ("en", "id")
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

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(root: Path, *folders: str) -> Iterator[tuple[str, Path]]:
    """Yield the Python files below some folders, with their names from the root."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root).as_posix(), path


def trees(root: Path, *folders: str) -> Iterator[tuple[str, ast.Module]]:
    for name, path in modules(root, *folders):
        yield name, ast.parse(path.read_text("utf-8"))


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


def texts(node: ast.expr, tree: ast.AST) -> Iterator[str]:
    """Yield what an expression may be: literals, choices, what a name or a function here gives."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*texts(node.body, tree), *texts(node.orelse, tree))
    elif isinstance(node, ast.Name):
        for each in ast.walk(tree):
            if isinstance(each, ast.Assign | ast.NamedExpr):
                target = each.targets[0] if isinstance(each, ast.Assign) else each.target
                yield from texts(each.value, tree) if ast.unparse(target) == node.id else ()
    elif isinstance(node, ast.Call):
        for each in ast.walk(tree):
            if isinstance(each, Function) and each.name == ast.unparse(node.func):
                answers = [step.value for step in ast.walk(each) if isinstance(step, ast.Return)]
                yield from (text for value in answers if value for text in texts(value, tree))


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func).rpartition(".")[2], node


def fault_codes(root: Path) -> set[str]:
    """Return the codes of faults in the code, also those that pass through a function's `code`."""
    codes: set[str] = set()
    for _, tree in trees(root, *FLOORS):
        place = {"Fault": 1, "PydanticCustomError": 0}
        for function in (each for each in ast.walk(tree) if isinstance(each, Function)):
            arguments = [each.arg for each in function.args.args]
            if "code" in arguments and "fault" in ast.unparse(function).lower():
                place[function.name] = arguments.index("code")
        for name, call in calls(tree):
            named = [word.value for word in call.keywords if word.arg == "code"]
            for value in named + call.args[place.get(name, 99) :][:1]:
                codes |= set(texts(value, tree)) if name in place else set()
    return {code.replace("_", "-") for code in codes}


def facts_given(root: Path) -> dict[str, set[str]]:
    """Return the facts that every call of a class gives it; one with `**` is believed."""
    given: dict[str, set[str]] = {}
    for _, tree in trees(root, *FLOORS):
        for name, call in calls(tree):
            words = {word.arg for word in call.keywords}
            if name[:1].isupper() and None not in words:
                facts = {word for word in words if word}
                given[name] = given.get(name, facts) & facts
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name):
                given[node.exc.id] = set()
    return given


def raised(root: Path) -> set[str]:
    """Return the names of what is raised, other than by name of a variable."""
    return {
        ast.unparse(node.exc.func).rpartition(".")[2]
        for _, tree in trees(root, *FLOORS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    }


def messages(language: str) -> dict[str, dict[str, str]]:
    text = (ROOT / "app" / "messages" / f"{language}.toml").read_text("utf-8")
    return tomllib.loads(text)


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def import_everything() -> None:
    for floor in FLOORS:
        package = import_module(floor)
        for module in pkgutil.walk_packages(package.__path__, f"{floor}."):
            import_module(module.name)


def below(kind: type[Any]) -> set[type[Any]]:
    """Return every class of the four floors that descends from one."""
    direct = set(kind.__subclasses__())
    found = direct.union(*(below(each) for each in direct))
    return {each for each in found if each.__module__.partition(".")[0] in FLOORS}


def concrete_errors() -> set[type[PilarError]]:
    import_everything()
    kinds = {kind for kind in below(PilarError) if kind.__module__ == errors.__name__}
    private = {kind for kind in below(PilarError) if kind.__name__.startswith("_")}
    said = {kind for kind in kinds if kind.__name__ in raised(ROOT)}
    return below(PilarError) - kinds - private | said


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


def test_no_two_errors_share_a_key() -> None:
    keys = Counter(key_of(error) for error in concrete_errors())

    assert [key for key, count in keys.items() if count > 1] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_has_its_sentences_and_every_sentence_its_error(language: str) -> None:
    wanted = {key_of(error): {"title", "detail"} for error in concrete_errors()}

    said = {key: set(each) for key, each in messages(language).items() if key != "faults"}

    assert sorted(wanted.keys() ^ said.keys()) == []
    assert said == wanted


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_blank_in_a_sentence_is_filled_wherever_the_error_is_raised(language: str) -> None:
    given = facts_given(ROOT)
    said = messages(language)

    blanks = {
        error.__name__: placeholders(said[key_of(error)]["detail"]) - given[error.__name__]
        for error in concrete_errors()
        if error.__name__ in given and key_of(error) in said
    }

    assert {name: names for name, names in blanks.items() if names} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fault_has_a_sentence(language: str) -> None:
    said = set(messages(language)["faults"])

    assert sorted(fault_codes(ROOT) - said) == []


def test_the_languages_say_the_same_things_with_the_same_facts() -> None:
    def facts(language: str) -> Mapping[str, Mapping[str, set[str]]]:
        return {
            key: {name: placeholders(sentence) for name, sentence in each.items()}
            for key, each in messages(language).items()
        }

    english, indonesian = map(facts, LANGUAGES)

    assert english == indonesian


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
    fault_codes: ("store/odd.py", '"""Odd."""\n\nf = Fault("/x", "never-heard-of")\n'),
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
