"""`pilar …`: every command, and what their exit codes say.

0: done. 1: refused, or something is wrong; the last lines say what. 2: the command line itself
cannot be right.
"""

import typer

from app import (
    cli_audit,
    cli_backup,
    cli_demo,
    cli_doctor,
    cli_hold,
    cli_office,
    cli_openapi,
    cli_rotate,
    cli_sandbox,
    cli_serve,
    cli_worker,
)
from app.cli_speech import Group

cli = typer.Typer(
    name="pilar",
    cls=Group,
    help="A content calendar that keeps its mix and publishes each post once and only once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # local variables hold secrets
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS = (
    cli_serve.serve,
    cli_worker.worker,
    cli_worker.tick,
    cli_office.init,
    cli_office.password,
    cli_demo.demo,
    cli_sandbox.sandbox,
    cli_office.migrate,
    cli_doctor.doctor,
    cli_hold.hold,
    cli_backup.backup,
    cli_backup.restore,
    cli_rotate.rotate_keys,
    cli_audit.verify_audit,
    cli_openapi.openapi,
)
for each in COMMANDS:
    cli.command()(each)


def main() -> None:
    """Run the command that was typed."""
    cli(prog_name="pilar")


if __name__ == "__main__":
    main()
