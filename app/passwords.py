"""Passwords: what people log in with, hashed by Argon2id and verified off the event loop."""

import asyncio
import unicodedata
from typing import Annotated

from pwdlib import PasswordHash
from pydantic import AfterValidator, Field, SecretStr, StringConstraints
from pydantic_core import PydanticCustomError

from app.auth import is_loopback
from planner.errors import Forbidden, Unauthenticated

HASHER = PasswordHash.recommended()

NOBODYS_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$wQk6IYQuYcf+wvjpFymNbQ$"
    "70PAo8t7CV06xfX7/K0G9suo2hmegu63VxJwAVHJGMw"
)
"""The hash of a random text that was thrown away: verified in place of one that is not there."""


class WrongLogin(Unauthenticated):
    """The e-mail address and the password do not belong together; which is wrong is not said."""


class WrongPassword(Forbidden):
    """The present password is another one."""


class HttpsNeeded(Forbidden):
    """Passwords do not travel over plain http, except on this machine."""


def _typed(secret: SecretStr) -> SecretStr:
    if any(unicodedata.category(each) in {"Cc", "Cs"} for each in secret.get_secret_value()):
        raise PydanticCustomError("control_character", "control characters are refused")
    return secret


# Of ASCII only, so that no two ways of writing an address look alike or fold to the same one.
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, max_length=254, pattern=r"^[!-?A-~]+@[!-?A-~]+$"
    ),
    Field(examples=["sari@biro.example"]),
]
"""An e-mail address, in lower case; it names a person, nothing is sent there."""

GivenPassword = Annotated[SecretStr, Field(min_length=1, max_length=200), AfterValidator(_typed)]
"""A password to compare."""

NewPassword = Annotated[
    SecretStr,
    Field(min_length=10, max_length=200, examples=["kuda laut membaca naskah"]),
    AfterValidator(_typed),
]
"""A password to keep: its length is what counts (NIST SP 800-63B, 5.1.1)."""


def check_https(base_url: str) -> None:
    """Refuse to read a password over plain http; raises `HttpsNeeded`."""
    if not base_url.startswith("https:") and not is_loopback(base_url):
        raise HttpsNeeded(url=base_url)


async def hashed(password: SecretStr) -> str:
    """Return the Argon2id hash of a password (PHC string)."""
    return await asyncio.to_thread(HASHER.hash, _plain(password))


async def verified(password: SecretStr, known: str | None) -> tuple[bool, str | None]:
    """Say whether a password is right, and return a new hash where the old one is too weak.

    Without a known hash it takes as long and the answer is no. Call it outside of a
    transaction: it takes about a tenth of a second.
    """
    right, better = await asyncio.to_thread(
        HASHER.verify_and_update, _plain(password), known or NOBODYS_HASH
    )
    return right and known is not None, better


def _plain(password: SecretStr) -> str:
    # The same letters typed on another keyboard are the same password.
    return unicodedata.normalize("NFKC", password.get_secret_value())
