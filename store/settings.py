"""What the store must be told: where the database, the files and the keys are."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class StoreSettings(BaseSettings):
    """Read from the environment (`PILAR_…`) and from `.env`."""

    model_config = SettingsConfigDict(env_prefix="PILAR_", env_file=".env", extra="ignore")

    data_dir: Path = Path("data")
    database_url: str = ""
    """SQLAlchemy URL; empty: SQLite in the data directory."""
    secret_keys: str = ""
    """`id:base64,…`; empty: a file with mode 0600 in the data directory."""
    media_limit_mb: int = 512
    """Largest upload, in megabytes (10^6 bytes)."""

    @property
    def url(self) -> str:
        """The database's URL with its asynchronous driver."""
        if not self.database_url:
            return f"sqlite+aiosqlite:///{self.data_dir.resolve() / 'pilar.db'}"
        scheme, _, rest = self.database_url.partition("://")
        drivers = {
            "sqlite": "sqlite+aiosqlite",
            "postgres": "postgresql+psycopg",
            "postgresql": "postgresql+psycopg",
        }
        return f"{drivers.get(scheme, scheme)}://{rest}"
