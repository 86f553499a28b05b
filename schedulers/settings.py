"""What the schedulers must be told: how much at once, how long, and which private hosts."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class SchedulerSettings(BaseSettings):
    """Read from the environment (`PILAR_…`) and from `.env`."""

    model_config = SettingsConfigDict(env_prefix="PILAR_", env_file=".env", extra="ignore")

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

    @property
    def private_hosts(self) -> frozenset[str]:
        """The allowed private hosts, in lower case."""
        names = (name.strip().lower() for name in self.allow_private_hosts.split(","))
        return frozenset(name for name in names if name)
