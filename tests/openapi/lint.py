"""Lints the API's description, freshly made: openapi-spec-validator, Spectral, Redocly.

`python -m tests.openapi.lint` for people and `make check`. The linters that run on Node are
installed once into `.make/openapi`, as `package-lock.json` says; where no npm registry answers,
they are named and left out, which is an error under CI.
"""

import json
import os
import sys
from pathlib import Path

from openapi_spec_validator import OpenAPIV31SpecValidator

from app.cli_openapi import description
from tests import npm

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".make" / "openapi"
LINTERS = {
    "Spectral": (
        "@stoplight/spectral-cli/dist/index.js",
        (
            "lint",
            "--display-only-failures",
            "--fail-severity",
            "error",
            "--ruleset",
            str(HERE / "spectral.yaml"),
        ),
    ),
    "Redocly": (
        "@redocly/cli/bin/cli.js",
        ("lint", "--format", "stylish", "--config", str(HERE / "redocly.yaml")),
    ),
}
LINT_SECONDS = 60


def complaints(document: str) -> list[str]:
    """Return what the linters say against a description; insists on Node's only under CI."""
    found = [
        f"openapi-spec-validator: {error.json_path}: {error.message}"
        for error in OpenAPIV31SpecValidator(json.loads(document)).iter_errors()
    ]
    if why := npm.install(HERE, CACHE):
        names = " and ".join(LINTERS)
        print(f"Not run: {names}, which could not be installed ({why}).", file=sys.stderr)
        return [*found, f"{names}: not run under CI"] if os.environ.get("CI") == "true" else found
    file = CACHE / "openapi.json"
    file.write_text(document, "utf-8")
    for name, (script, words) in LINTERS.items():
        done = npm.node(
            CACHE, str(CACHE / "node_modules" / script), *words, str(file), seconds=LINT_SECONDS
        )
        if done.returncode:
            found.append(f"{name}:\n{done.stdout}{done.stderr}")
    return found


def main() -> int:
    """Say what is wrong; return the exit code."""
    found = complaints(description())
    print("\n".join(found) or f"No errors: openapi-spec-validator, {', '.join(LINTERS)}.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
