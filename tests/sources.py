"""The sources as tests read them: modules, their syntax, and what an expression may say."""

import ast
import pkgutil
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FLOORS = ("app", "schedulers", "store", "planner")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(root: Path, *folders: str) -> Iterator[tuple[str, Path]]:
    """Yield the Python files below some folders, with their names from the root."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root).as_posix(), path


def trees(root: Path, *folders: str) -> Iterator[tuple[str, ast.Module]]:
    """Yield the syntax trees of the Python files below some folders."""
    for name, path in modules(root, *folders):
        yield name, parsed(path.read_text("utf-8"))


@cache
def parsed(text: str) -> ast.Module:
    """Return the syntax tree of a source, the same one each time: nobody changes it."""
    return ast.parse(text)


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call with the last name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func).rpartition(".")[2], node


def functions(tree: ast.AST) -> Iterator[Function]:
    """Yield every function, however deep."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def assigned(name: str, tree: ast.AST) -> Iterator[ast.expr]:
    """Yield every value that a module gives to a name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            pairs: Iterable[tuple[ast.expr, ast.expr]] = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(target.elts, node.value.elts, strict=True)
            yield from (value for each, value in pairs if ast.unparse(each) == name)


def texts(node: ast.expr, tree: ast.AST) -> Iterator[str]:
    """Yield what an expression may be: literals, choices, what a name or a function here gives."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*texts(node.body, tree), *texts(node.orelse, tree))
    elif isinstance(node, ast.BoolOp | ast.Dict):
        yield from (text for value in node.values for text in texts(value, tree))
    elif isinstance(node, ast.Name):
        yield from (text for value in assigned(node.id, tree) for text in texts(value, tree))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from texts(node.func.value, tree) if node.func.attr == "get" else ()
    elif isinstance(node, ast.Call):
        for function in functions(tree):
            if function.name == ast.unparse(node.func):
                answers = [
                    step.value for step in ast.walk(function) if isinstance(step, ast.Return)
                ]
                yield from (text for value in answers if value for text in texts(value, tree))


def import_everything() -> None:
    """Import every module of the four floors."""
    for floor in FLOORS:
        package = import_module(floor)
        for module in pkgutil.walk_packages(package.__path__, f"{floor}."):
            import_module(module.name)


def below(kind: type[Any]) -> set[type[Any]]:
    """Return every class of the four floors that descends from one."""
    direct = set(kind.__subclasses__())
    found = direct.union(*(below(each) for each in direct))
    return {each for each in found if each.__module__.partition(".")[0] in FLOORS}
