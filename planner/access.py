"""Who may do what: roles of people, scopes of machines."""

from collections.abc import Iterable
from enum import StrEnum

from planner.errors import Forbidden


class Ability(StrEnum):
    """A class of deeds; also the scopes of API keys, except `own`, which is for people."""

    READ = "read"
    WRITE = "write"
    APPROVE = "approve"
    PUBLISH = "publish"
    ADMIN = "admin"
    OWN = "own"


SCOPES = tuple(ability for ability in Ability if ability is not Ability.OWN)


class Role(StrEnum):
    """What a member is in a workspace; each role may all that the one before it may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    APPROVER = "approver"
    MANAGER = "manager"
    OWNER = "owner"


_NEW_ABILITIES = {
    Role.VIEWER: {Ability.READ},
    Role.EDITOR: {Ability.WRITE},
    Role.APPROVER: {Ability.APPROVE, Ability.PUBLISH},
    Role.MANAGER: {Ability.ADMIN},
    Role.OWNER: {Ability.OWN},
}

_SCOPE_GIVES = {
    Ability.READ: {Ability.READ},
    Ability.WRITE: {Ability.READ, Ability.WRITE},
    Ability.APPROVE: {Ability.READ, Ability.APPROVE},
    Ability.PUBLISH: {Ability.READ, Ability.PUBLISH},
    Ability.ADMIN: {Ability.READ, Ability.WRITE, Ability.ADMIN},
}


class MayNot(Forbidden):
    """The caller's role or scopes do not reach this; `facts["needs"]` names the ability."""


def abilities_of_role(role: Role) -> frozenset[Ability]:
    """Return everything that a member with this role may do."""
    reached: set[Ability] = set()
    for each in Role:
        reached |= _NEW_ABILITIES[each]
        if each is role:
            break
    return frozenset(reached)


def abilities_of_scopes(scopes: Iterable[str]) -> frozenset[Ability]:
    """Return everything that a key with these scopes may do."""
    return frozenset(ability for scope in scopes for ability in _SCOPE_GIVES[Ability(scope)])


def check_ability(abilities: Iterable[Ability], needed: Ability) -> None:
    """Refuse a caller that lacks an ability; raises `MayNot`."""
    if needed not in frozenset(abilities):
        raise MayNot(needs=needed.value)
