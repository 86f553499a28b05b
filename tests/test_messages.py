"""Every problem, fault and reason has its sentences, in every language, with its blanks filled."""

import ast
import string
import tomllib
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.fields import Body
from app.problems import key_of
from planner import errors
from planner.errors import PilarError
from tests.sources import (
    FLOORS,
    ROOT,
    Function,
    assigned,
    below,
    calls,
    functions,
    import_everything,
    texts,
    trees,
)

pytestmark = [pytest.mark.untraced, pytest.mark.xdist_group("messages")]

LANGUAGES = ("en", "id")
NO_PROBLEMS = {"alerts", "connecting", "faults", "reasons", "nouns", "report", "mix", "summary"}
HANDED_ON = {"platform", "channel"}
"""Facts that a fault gets from whoever hands it on."""

OUTCOMES = {
    "NotSent": 0,
    "NoAnswer": 0,
    "Refused": 0,
    "Revoked": 0,
    "TryLater": 0,
    "Unknown": 0,
    "CannotTell": 0,
    "Settlement": 1,
    "Checked": 1,
    "Barred": 0,
    "Denied": 0,
}
"""What holds the reason for a state, and where it stands."""

JUNK: tuple[Any, ...] = (
    *(None, True, -1, 1.5, 10**9, 10**30, float("inf")),
    *("", "x", "\0", "\ud800", "x" * 200_001, "1.5", "1.123456", "1" * 5000, "nan", "2026-13-01"),
    *("http://", "ftp://a", "https://" + "x" * 3000, [], ["x"] * 600, [[]], {}, {"x": {}}),
    *({"op": "x"}, [{"op": "x"}], [{"x": 1}]),
)
"""Values of which every field takes some the wrong way."""


def messages(language: str) -> dict[str, dict[str, str]]:
    text = (ROOT / "app" / "messages" / f"{language}.toml").read_text("utf-8")
    return tomllib.loads(text)


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@cache
def concrete_errors() -> set[type[PilarError]]:
    import_everything()
    kinds = {kind for kind in below(PilarError) if kind.__module__ == errors.__name__}
    private = {kind for kind in below(PilarError) if kind.__name__.startswith("_")}
    said = {kind for kind in kinds if kind.__name__ in raised(ROOT)}
    return below(PilarError) - kinds - private | said


@cache
def raised(root: Path) -> set[str]:
    """Return the names of what is raised, other than by name of a variable."""
    return {
        ast.unparse(node.exc.func).rpartition(".")[2]
        for _, tree in trees(root, *FLOORS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    }


@cache
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


@cache
def faults(root: Path) -> list[tuple[str, set[str]]]:
    """Return code and facts of each fault in the code, also through a function's `code`.

    Facts that cannot be read from the code are `*`.
    """
    found: list[tuple[str, set[str]]] = []
    for _, tree in trees(root, *FLOORS):
        makers = {each.name: each for each in functions(tree) if _is_maker(each)}
        around = {id(call): each for each in functions(tree) for _, call in calls(each)}
        for name, call in calls(tree):
            scope, maker = around.get(id(call), tree), makers.get(name)
            if name == "Fault" and scope not in makers.values():
                code, facts = _argument(call, 1, "code"), _keys(_argument(call, 2, "facts"), scope)
            elif name == "PydanticCustomError":
                code, facts = call.args[0], set()
            elif maker is not None:
                names = [each.arg for each in maker.args.args]
                code = _argument(call, names.index("code"), "code")
                facts = _made(maker, call, scope)
            else:
                continue
            codes = texts(code, tree) if code is not None else ()
            found += [(each.replace("_", "-"), {"*"} if facts is None else facts) for each in codes]
    return found


def _is_maker(function: Function) -> bool:
    arguments = [each.arg for each in function.args.args]
    return "code" in arguments and "fault" in ast.unparse(function).lower()


def _argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    named = (word.value for word in call.keywords if word.arg == name)
    return next(iter(call.args[place : place + 1]), None) or next(named, None)


def _keys(node: ast.expr | None, scope: ast.AST) -> set[str] | None:
    """Return the keys of a dictionary that is written here; None if that cannot be told."""
    if node is None:
        return set()
    if isinstance(node, ast.Name):
        found = [_keys(value, scope) for value in assigned(node.id, scope)]
        return found[0] if len(found) == 1 else None
    if not isinstance(node, ast.Dict):
        return None
    parts = [
        {ast.literal_eval(key)} if key is not None else _keys(value, scope)
        for key, value in zip(node.keys, node.values, strict=True)
    ]
    known = [part for part in parts if part is not None]
    return set().union(*known) if len(known) == len(parts) else None


def _made(maker: Function, call: ast.Call, scope: ast.AST) -> set[str] | None:
    """Return the facts of a fault that a function makes: its own, and the words of the call."""
    own: set[str] = set()
    for name, inner in calls(maker):
        node = _argument(inner, 2, "facts") if name == "Fault" else None
        if isinstance(node, ast.Dict):
            own |= {ast.literal_eval(key) for key in node.keys if key is not None}
    words = [{word.arg} if word.arg else _keys(word.value, scope) for word in call.keywords]
    known = [part for part in words if part is not None]
    return own.union(*known) if len(known) == len(words) else None


@cache
def reasons(root: Path) -> set[str]:
    """Return the reasons that are given for states in the code, also through a function."""
    found: set[str] = set()
    for _, tree in trees(root, "store", "schedulers"):
        place = dict(OUTCOMES)
        for function in functions(tree):
            names = [each.arg for each in function.args.args]
            # What only makes an error speaks of no state.
            if "reason" in names and not ast.unparse(function.returns or tree)[:1].isupper():
                place[function.name] = names.index("reason")
        for name, call in calls(tree):
            named = [word.value for word in call.keywords if word.arg == "reason"]
            if name in place or not name[:1].isupper():
                for value in named + call.args[place.get(name, 99) :][:1]:
                    found |= set(texts(value, tree))
    return found


@cache
def complaints() -> dict[str, set[str]]:
    """Return what pydantic says about junk in every field of every body: code and its facts."""
    import_everything()
    found: dict[str, set[str]] = {}
    for model in below(Body):
        for name in model.model_fields:
            for value in JUNK:
                try:
                    model.model_validate({name: value})
                except ValidationError as error:
                    for each in error.errors(include_url=False, include_input=False):
                        facts = set(each.get("ctx", {}))
                        code = each["type"].replace("_", "-")
                        found[code] = found.get(code, facts) & facts
    return found


def test_no_two_errors_share_a_key() -> None:
    keys = Counter(key_of(error) for error in concrete_errors())

    assert [key for key, count in keys.items() if count > 1] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_has_its_sentences_and_every_sentence_its_error(language: str) -> None:
    wanted = {key_of(error): {"title", "detail"} for error in concrete_errors()}

    said = {key: set(each) for key, each in messages(language).items() if key not in NO_PROBLEMS}

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

    assert sorted({code for code, _ in faults(ROOT)} - said) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_blank_in_a_sentence_is_filled_wherever_the_fault_is_found(language: str) -> None:
    said = messages(language)["faults"]

    blanks = {
        (code, name)
        for code, facts in faults(ROOT)
        if "*" not in facts and code in said
        for name in placeholders(said[code]) - facts - HANDED_ON
    }

    assert blanks == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_is_wrong_in_a_body_has_a_sentence_with_its_facts(language: str) -> None:
    found = complaints()

    said = messages(language)["faults"]

    assert sorted(found.keys() - said.keys()) == []
    assert {code: placeholders(said[code]) - facts for code, facts in found.items()} == {
        code: set() for code in found
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_a_sentence_and_every_sentence_its_reason(language: str) -> None:
    said = messages(language)["reasons"]

    assert sorted(reasons(ROOT) ^ said.keys()) == []
    assert {key: placeholders(sentence) for key, sentence in said.items()} == {
        key: set() for key in said
    }


def test_the_languages_say_the_same_things_with_the_same_facts() -> None:
    def facts(language: str) -> Mapping[str, Mapping[str, set[str]]]:
        return {
            key: {name: placeholders(sentence) for name, sentence in each.items()}
            for key, each in messages(language).items()
        }

    english, indonesian = map(facts, LANGUAGES)

    assert english == indonesian


def test_a_fault_is_seen_with_its_facts(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "odd.py").write_text(
        '"""Odd."""\n\nfacts = {"a": 1}\nf = Fault("/x", "never-heard-of", {"b": 2, **facts})\n'
    )

    found = list(faults(tmp_path))

    assert found == [("never-heard-of", {"a", "b"})]


def test_a_fault_is_seen_through_the_function_that_makes_it(tmp_path: Path) -> None:
    (tmp_path / "planner").mkdir()
    (tmp_path / "planner" / "odd.py").write_text(
        '"""Odd."""\n\n\ndef over(code, count, **facts):\n'
        '    return Fault("/x", code, {"count": count, **facts})\n\n\nover("odd", 3, unit="s")\n'
    )

    found = list(faults(tmp_path))

    assert found == [("odd", {"count", "unit"})]


def test_a_reason_is_seen_wherever_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / "schedulers").mkdir()
    (tmp_path / "schedulers" / "odd.py").write_text(
        '"""Odd."""\n\nWHY = {3: "one"}\nafter, why = 1, "two" if after else "three"\n'
        'Unknown(WHY.get(3) or "four")\nstep(reason=why)\nBadKeys(reason="no-state")\n'
    )

    found = reasons(tmp_path)

    assert found == {"one", "two", "three", "four"}
