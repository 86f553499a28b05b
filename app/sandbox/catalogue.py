"""Which platforms there is a sandbox of, by the platform's name."""

from collections.abc import Mapping

from app.sandbox.opening import Opening
from app.sandbox.tiktok.opening import open_tiktok

SANDBOXES: Mapping[str, Opening] = {"tiktok": open_tiktok}
