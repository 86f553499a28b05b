"""Windows: periods in which the mix is judged together, nested like a tree.

A window is completable if its open slots can still bring every type into its band. Windows that
contain one another must be completed by the same posts, so checking each alone admits too much.
For each node of the tree the final counts that can still be reached form a base polyhedron; its
rank function `f(S)`, the most posts of the types in `S`, is kept as one number for each set of
types. Children add up, own open slots add to every set that is not empty, and a band cuts.
Source: design note "mix", section 1.2 (T6); Frank & Tardos 1988 on generalized polymatroids.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from planner.errors import Conflict
from planner.mix import quota_band, repair_number


class CrossingWindows(Conflict):
    """Two hard windows overlap and neither contains the other; `first` and `second` name them."""


@dataclass(frozen=True, slots=True)
class Window:
    """A period with shares of its own.

    `cells` are what it covers: the smallest pieces that seats and slots are counted in. `weights`
    are the shares of the types by index, in any unit; `tolerance_bp` basis points; `credit` posts.
    A soft window is watched, and blocks nothing.
    """

    key: Any  # hashable
    cells: frozenset[Hashable]
    weights: tuple[int, ...]
    tolerance_bp: int = 0
    credit: int = 0
    hard: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """A step of one cell: `placed` posts of a type more (or fewer), `open` slots more (or fewer).

    Posts in open slots are `Change(cell, type, 1, -1)`.
    """

    cell: Hashable
    type: int
    placed: int = 0
    open: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands in a window: posts by type, slots (posts and open), its band, its repairs."""

    window: Window
    placed: tuple[int, ...]
    slots: int
    lower: tuple[int, ...]
    upper: tuple[int, ...]
    repair: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a change does to the windows it touches.

    It is blocked iff a hard window's repair number rises (`worse`), or a tree of them that was
    completable is not any more (`broken`, by its outermost window). `warned` are soft windows that
    get worse. `before` and `after` say how many posts at least must get another type.
    """

    worse: tuple[Any, ...] = ()
    broken: tuple[Any, ...] = ()
    warned: tuple[Any, ...] = ()
    before: int = 0
    after: int = 0

    @property
    def blocked(self) -> bool:
        """Say whether the change does harm."""
        return bool(self.worse or self.broken)


@dataclass(slots=True)
class _Node:
    """A window of the tree: what it contains, its own counts and those of all it contains."""

    window: Window
    parent: int | None = None
    children: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _State:
    """Counts of a window, in its own cells and in all; `reach` is None where none is in band."""

    own: tuple[int, ...]
    own_open: int
    placed: tuple[int, ...]
    open: int
    repair: int
    reach: tuple[int, ...] | None


class WindowTree:
    """Windows with what stands in them, judged together.

    `placed` and `open` give the posts by type and the open slots of cells; cells that no window
    covers are ignored. Raises `CrossingWindows` where hard windows overlap without nesting, and
    ValueError where windows have shares of different length or one key twice.
    """

    def __init__(
        self,
        windows: Iterable[Window],
        placed: Mapping[Hashable, Sequence[int]] | None = None,
        open_slots: Mapping[Hashable, int] | None = None,
    ) -> None:
        given = list(windows)
        self.types = len(given[0].weights) if given else 0
        if any(len(each.weights) != self.types for each in given):
            raise ValueError("windows of one tree have the same types")
        if len({each.key for each in given}) < len(given):
            raise ValueError("windows of one tree have different keys")
        self._nodes, self._home = _nested([each for each in given if each.hard])
        self._soft = [each for each in given if not each.hard]
        self._placed = {cell: tuple(counts) for cell, counts in (placed or {}).items()}
        self._open = dict(open_slots or {})
        self._states = self._all_states()

    @property
    def completable(self) -> bool:
        """Say whether the open slots can still bring every hard window into its band, together."""
        return all(
            state.reach is not None
            for node, state in zip(self._nodes, self._states, strict=True)
            if node.parent is None
        )

    @property
    def changes_needed(self) -> int:
        """Return how many posts at least must get another type before it is completable.

        Each outermost window counts with its worst part: 0 iff all can be completed.
        """
        return sum(self._needs(self._states, root) for root in self._roots())

    def readings(self) -> list[Reading]:
        """Return what stands in every window: the hard ones, inner before outer, then the soft."""
        hard = [
            _reading(node.window, state.placed, state.open)
            for node, state in zip(self._nodes, self._states, strict=True)
        ]
        return hard + [_reading(each, *self._sum(each.cells)) for each in self._soft]

    def check(self, changes: Collection[Change]) -> Verdict:
        """Return what changes, made together, would do; nothing is changed.

        Only the windows around touched cells are reckoned anew.
        """
        after = self._after(changes)
        pairs = [(self._nodes[index], self._states[index], new) for index, new in after.items()]
        roots = [index for index in after if self._nodes[index].parent is None]
        states = [after.get(index, old) for index, old in enumerate(self._states)]
        return Verdict(
            worse=tuple(node.window.key for node, old, new in pairs if new.repair > old.repair),
            broken=tuple(
                self._nodes[index].window.key
                for index in roots
                if self._states[index].reach is not None and states[index].reach is None
            ),
            warned=self._warned(changes),
            before=sum(self._needs(self._states, index) for index in roots),
            after=sum(self._needs(states, index) for index in roots),
        )

    def apply(self, changes: Collection[Change]) -> None:
        """Make changes, whether they do harm or not."""
        for index, state in self._after(changes).items():
            self._states[index] = state
        for change in changes:
            counts = list(self._placed.get(change.cell, (0,) * self.types))
            counts[change.type] += change.placed
            self._placed[change.cell] = tuple(counts)
            self._open[change.cell] = self._open.get(change.cell, 0) + change.open

    def allowed(self, slot: Hashable, *, extra: bool = False) -> list[int]:
        """Return the types (indices, ascending) that a post in a cell may have without harm.

        It uses an open slot of the cell; with `extra` it comes on top of them. Where a post of any
        type does harm (never in an open slot of windows that are completable), those that leave
        the fewest changes needed are allowed.
        """
        if not extra and self.open_in(slot) <= 0:
            return []
        verdicts = [
            self.check([Change(slot, each, 1, 0 if extra else -1)]) for each in range(self.types)
        ]
        found = [index for index, verdict in enumerate(verdicts) if not verdict.blocked]
        if found:
            return found
        least = min(verdict.after for verdict in verdicts)
        return [index for index, verdict in enumerate(verdicts) if verdict.after == least]

    def open_in(self, cell: Hashable) -> int:
        """Return the open slots of a cell."""
        return self._open.get(cell, 0)

    def placed_in(self, cell: Hashable) -> tuple[int, ...]:
        """Return the posts of a cell by type."""
        return self._placed.get(cell, (0,) * self.types)

    def _roots(self) -> list[int]:
        return [index for index, node in enumerate(self._nodes) if node.parent is None]

    def _needs(self, states: Sequence[_State], root: int) -> int:
        worst = max(states[index].repair for index in self._below(root))
        return worst if states[root].reach is not None else max(worst, 1)

    def _below(self, index: int) -> list[int]:
        found = [index]
        for child in self._nodes[index].children:
            found += self._below(child)
        return found

    def _all_states(self) -> list[_State]:
        own: list[list[tuple[int, ...]]] = [[] for _ in self._nodes]
        own_open = [0] * len(self._nodes)
        for cell, home in self._home.items():
            own[home].append(self._placed.get(cell, (0,) * self.types))
            own_open[home] += self._open.get(cell, 0)
        states: list[_State] = []
        for index, node in enumerate(self._nodes):
            children = [states[child] for child in node.children]
            counts = tuple(map(sum, zip((0,) * self.types, *own[index], strict=True)))
            states.append(_state(node.window, counts, own_open[index], children))
        return states

    def _after(self, changes: Collection[Change]) -> dict[int, _State]:
        """Return the new states of the windows around touched cells, inner ones first."""
        own: dict[int, tuple[list[int], int]] = {}
        for change in changes:
            home = self._home.get(change.cell)
            if home is None:
                continue
            counts, free = own.get(home) or (list(self._states[home].own), 0)
            counts[change.type] += change.placed
            own[home] = (counts, free + change.open)
        touched: set[int] = set()
        for index in own:
            at: int | None = index
            while at is not None and at not in touched:
                touched.add(at)
                at = self._nodes[at].parent
        after: dict[int, _State] = {}
        for index in sorted(touched):
            old = self._states[index]
            counts, free = own.get(index) or (list(old.own), 0)
            if min(counts) < 0 or old.own_open + free < 0:
                raise ValueError("a cell cannot have fewer than no posts or slots")
            children = [
                after.get(each) or self._states[each] for each in self._nodes[index].children
            ]
            window = self._nodes[index].window
            after[index] = _state(window, tuple(counts), old.own_open + free, children)
        return after

    def _warned(self, changes: Collection[Change]) -> tuple[Any, ...]:
        cells = {change.cell for change in changes}
        warned = []
        for window in self._soft:
            if cells.isdisjoint(window.cells):
                continue
            placed, free = self._sum(window.cells)
            later, freed = list(placed), free
            for change in changes:
                if change.cell in window.cells:
                    later[change.type] += change.placed
                    freed += change.open
            if _repair(window, later, freed) > _repair(window, placed, free):
                warned.append(window.key)
        return tuple(warned)

    def _sum(self, cells: Collection[Hashable]) -> tuple[tuple[int, ...], int]:
        counts = [self._placed[cell] for cell in cells if cell in self._placed]
        placed = tuple(map(sum, zip((0,) * self.types, *counts, strict=True)))
        return placed, sum(self._open.get(cell, 0) for cell in cells)


def _nested(windows: Sequence[Window]) -> tuple[list[_Node], dict[Hashable, int]]:
    """Return the windows, inner before outer, and for each cell the innermost one around it.

    Going from the smallest outwards, the cells of a window belong so far to whole windows, or
    else it crosses one. Raises `CrossingWindows`.
    """
    nodes: list[_Node] = []
    home: dict[Hashable, int] = {}
    outermost: dict[Hashable, int] = {}
    for window in sorted(windows, key=lambda each: len(each.cells)):
        node, index = _Node(window), len(nodes)
        for child in sorted({outermost[cell] for cell in window.cells if cell in outermost}):
            inner = nodes[child]
            if not inner.window.cells <= window.cells:
                raise CrossingWindows(first=str(inner.window.key), second=str(window.key))
            inner.parent = index
            node.children.append(child)
        nodes.append(node)
        for cell in window.cells:
            home.setdefault(cell, index)
            outermost[cell] = index
    return nodes, home


def _state(
    window: Window, own: tuple[int, ...], own_open: int, children: Sequence[_State]
) -> _State:
    placed, free = own, own_open
    for child in children:
        placed = tuple(map(int.__add__, placed, child.placed))
        free += child.open
    repair = _repair(window, placed, free)
    reach = None if repair else _reach(window, own, own_open, children, sum(placed) + free)
    return _State(own, own_open, placed, free, repair, reach)


def _reach(
    window: Window,
    own: Sequence[int],
    own_open: int,
    children: Sequence[_State],
    total: int,
) -> tuple[int, ...] | None:
    """Return the rank of the final counts in band by set of types (bit mask), None if none is.

    Cutting by the upper bounds and then by the lower ones, a type at a time, takes T steps over
    the 2^T sets.
    """
    rank = [0]
    for count in own:
        rank += [known + count for known in rank]
    rank = [0, *(each + own_open for each in rank[1:])]
    for child in children:
        if child.reach is None:
            return None
        rank = list(map(int.__add__, rank, child.reach))
    lower, upper = quota_band(window.weights, total, window.tolerance_bp, window.credit)
    for index, most in enumerate(upper):
        bit = 1 << index
        for types in range(bit, len(rank)):
            if types & bit and rank[types - bit] + most < rank[types]:
                rank[types] = rank[types - bit] + most
    for index, least in enumerate(lower):
        bit = 1 << index
        for types in range(len(rank) - bit):
            if not types & bit and rank[types + bit] - least < rank[types]:
                rank[types] = rank[types + bit] - least
    return tuple(rank) if rank[0] >= 0 and rank[-1] >= total else None


def _repair(window: Window, placed: Sequence[int], free: int) -> int:
    slots = sum(placed) + free
    return repair_number(window.weights, slots, placed, window.tolerance_bp, window.credit)


def _reading(window: Window, placed: tuple[int, ...], free: int) -> Reading:
    slots = sum(placed) + free
    lower, upper = quota_band(window.weights, slots, window.tolerance_bp, window.credit)
    repair = _repair(window, placed, free)
    return Reading(window, placed, slots, tuple(lower), tuple(upper), repair)
