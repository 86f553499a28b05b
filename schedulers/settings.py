"""What the schedulers must be told: how much at once, how long, which hosts, and by which mail."""

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schedulers.mail import sender_of, server_of


class SchedulerSettings(BaseSettings):
    """Read from the environment (`PILAR_…`) and from `.env`."""

    model_config = SettingsConfigDict(
        env_prefix="PILAR_",
        env_file=".env",
        extra="ignore",
        hide_input_in_errors=True,  # it may hold the mail server's password
    )

    allow_private_hosts: str = ""
    """Hosts (`name` or `name:port`, comma-separated) that may be private addresses."""
    concurrency: int = 8
    """Publications that are sent at once."""
    lease_seconds: int = 120
    """How long a worker may hold a publication; every call to a platform ends before."""
    grace_seconds: int = 20
    """How long a stop waits for what is in flight."""
    tick_seconds: float = 5
    """The slow tick; due posts do not wait for it."""

    smtp_url: SecretStr = SecretStr("")
    """The mail server: `smtp+starttls://user:password@host:587`; empty: no mail is sent."""
    mail_from: str = Field(default="", validate_default=True)
    """Who mail is from: `Pilar <pilar@office.example>`; needed with a mail server."""

    @field_validator("smtp_url")
    @classmethod
    def _a_server(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value():
            server_of(url.get_secret_value())
        return url

    @field_validator("mail_from")
    @classmethod
    def _a_sender(cls, sender: str, info: ValidationInfo) -> str:
        url = info.data.get("smtp_url")
        if sender or (url and url.get_secret_value()):
            sender_of(sender)
        return sender

    @property
    def private_hosts(self) -> frozenset[str]:
        """The allowed private hosts, in lower case."""
        names = (name.strip().lower() for name in self.allow_private_hosts.split(","))
        return frozenset(name for name in names if name)
