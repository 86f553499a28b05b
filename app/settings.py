"""What the app must be told: where it listens and how it is reached."""

from ipaddress import ip_address
from typing import Literal

from limits import parse
from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class AppSettings(BaseSettings):
    """Read from the environment (`PILAR_…`) and from `.env`."""

    model_config = SettingsConfigDict(env_prefix="PILAR_", env_file=".env", extra="ignore")

    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""
    """How browsers and platforms reach the service; empty: the address it listens on."""
    trusted_proxies: str = ""
    """Addresses or networks, comma-separated, whose X-Forwarded-For and -Proto are believed."""
    rate_limit: str = "1200/minute"
    """Requests of one credential to one workspace in a time; empty: as many as it likes."""
    metrics_token: SecretStr = SecretStr("")
    """What `/metrics` asks for; empty: it answers on this machine's own addresses only."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"

    @field_validator("rate_limit")
    @classmethod
    def _a_quota(cls, quota: str) -> str:
        if quota:
            parse(quota)
        return quota

    @property
    def base_url(self) -> str:
        """The public URL, without a slash at its end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "127.0.0.1" if _is_everywhere(self.host) else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def _is_everywhere(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False  # a name
