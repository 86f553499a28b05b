"""The image and the composition are right as far as this can be seen without building them.

There is no container engine where these tests run: the Dockerfile is linted and its references
are followed, but no image is built. Whoever has an engine runs `docker compose up --build`.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

ROOT = Path(__file__).parent.parent
VARIABLE = re.compile(r"\$\{(\w+)")


def lint(dockerfile: Path) -> str:
    """Return what hadolint says; it is beside the Python that runs the tests, or on the path."""
    beside = Path(sys.prefix) / "bin" / "hadolint"
    hadolint = str(beside) if beside.exists() else shutil.which("hadolint")
    assert hadolint is not None, "hadolint is missing: make setup-dev"
    done = subprocess.run(
        [hadolint, "--no-color", dockerfile], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def instructions(dockerfile: Path) -> Iterator[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text("utf-8"), flags=re.MULTILINE)
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield name.upper(), rest.strip()


def last(name: str) -> str:
    return [rest for found, rest in instructions(ROOT / "Dockerfile") if found == name][-1]


def copied_from_here() -> list[str]:
    copies = [rest.split() for name, rest in instructions(ROOT / "Dockerfile") if name == "COPY"]
    return [source for words in copies if "--from" not in words[0] for source in words[:-1]]


def commands() -> set[str]:
    cli = vars(import_module("app.cli")).values()
    applications = [value for value in cli if isinstance(value, typer.Typer)]
    names: set[str] = set()
    for application in applications:
        names |= set(getattr(typer.main.get_command(application), "commands", {}))
    return names


def examples() -> set[str]:
    text = (ROOT / ".env.example").read_text("utf-8")
    return set(re.findall(r"^# (PILAR_\w+)=", text, re.MULTILINE))


@pytest.fixture
def composition() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    return loaded


def test_the_linter_has_nothing_to_say_about_the_dockerfile() -> None:
    said = lint(ROOT / "Dockerfile")

    assert said == ""


def test_the_linter_would_speak_up(tmp_path: Path) -> None:
    careless = tmp_path / "Dockerfile"
    careless.write_text("FROM python\nRUN cd /srv && pip install fastapi\n")

    said = lint(careless)

    assert {"DL3006", "DL3013"} <= set(re.findall(r"DL\d+", said))


def test_everything_that_is_copied_is_there_and_goes_to_the_builder() -> None:
    sources = copied_from_here()

    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert {source.removeprefix("./") for source in sources} == sent


def test_every_floor_is_in_the_image() -> None:
    floors = {"app", "schedulers", "store", "planner", "migrations", "requirements.lock"}

    assert floors == set(copied_from_here())


def test_the_image_runs_commands_that_exist() -> None:
    python, dash_m, module = json.loads(last("ENTRYPOINT"))
    [command] = json.loads(last("CMD"))

    assert (python, dash_m, module) == ("python", "-m", "app.cli")
    assert command in commands()


def test_the_image_does_not_run_as_root() -> None:
    user = last("USER")

    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)


def test_the_health_check_is_python_that_compiles() -> None:
    _, check = last("HEALTHCHECK").split("CMD ", 1)

    python, dash_c, code = json.loads(check)

    assert (python, dash_c) == ("python", "-c")
    assert "/healthz" in code
    compile(code, "health check", "exec")


def test_the_composition_runs_commands_that_exist(composition: dict[str, Any]) -> None:
    services = composition["services"]

    asked = {name: each["command"][0] for name, each in services.items() if "build" in each}

    assert asked == {"migrate": "migrate", "pilar": "serve", "worker": "worker"}
    assert set(asked.values()) <= commands()


def test_pilar_starts_after_a_healthy_database_was_migrated(composition: dict[str, Any]) -> None:
    services = composition["services"]

    assert services["database"]["healthcheck"]["test"][1] == "pg_isready"
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    done = {"migrate": {"condition": "service_completed_successfully"}}
    assert services["pilar"]["depends_on"] == done


def test_what_pilar_may_do_in_the_composition_is_little(composition: dict[str, Any]) -> None:
    ours = [each for each in composition["services"].values() if "build" in each]

    walls = [(each["read_only"], each["cap_drop"], each["security_opt"]) for each in ours]

    assert walls == [(True, ["ALL"], ["no-new-privileges:true"])] * 3


def test_a_stop_waits_for_what_is_in_flight(composition: dict[str, Any]) -> None:
    settings = import_module("schedulers.settings").SchedulerSettings.model_fields
    grace = int(composition["services"]["pilar"]["stop_grace_period"].removesuffix("s"))

    assert grace > settings["grace_seconds"].default


def test_every_name_that_the_composition_reads_is_explained(composition: dict[str, Any]) -> None:
    text = (ROOT / "compose.yaml").read_text("utf-8")
    set_here = {
        name
        for each in composition["services"].values()
        for name in each["environment"]
        if name.startswith("PILAR_")
    }

    assert set_here | set(VARIABLE.findall(text)) <= examples()


def test_secrets_have_no_default_in_the_composition() -> None:
    text = (ROOT / "compose.yaml").read_text("utf-8")

    soft = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET)\w*)(?!\w|:\?)", text)

    assert soft == []
