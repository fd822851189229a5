"""Where a search stands and how it goes on, which is worked out for either verdict while that is found out."""

from collections.abc import Mapping, Sequence
from math import fsum

from msgspec import Struct

from flux_ls.bisect.prior import Prior
from flux_ls.bisect.search import Among, Found, Graph, Try, Verdict, Widen, narrowed, step, undecided
from flux_ls.git.repository import Repository

_FORESEEN = 4000
"""With more candidates, looking ahead takes longer than a checkout."""


class _Place(Struct, frozen=True):
    """Where the search stands after a verdict."""

    bad: str
    graph: Graph
    weights: Mapping[str, float] | None
    """By which it was chosen how it goes on."""
    step: Try | Found | Among | Widen

    def weight(self) -> float:
        """How likely it comes to stand here, by what is left of the graph."""
        weights = self.weights
        return len(self.graph) if weights is None else fsum(weights.get(each, 1.0) for each in self.graph)


class Course:
    """A search between a bad revision and good ones. Used from one thread."""

    def __init__(self, repository: Repository, bad: str, goods: Sequence[str], *, first_parent: bool) -> None:
        """Raises GitError."""
        self._repository = repository
        self._goods = goods
        self._first_parent = first_parent
        self._foreseen: Mapping[Verdict, _Place] = {}
        self.prior: Prior | None = None
        self.bad = bad
        """The bad commit with the fewest candidates behind it."""
        self.graph: Graph = {}
        """What is left of the history."""
        self._begin(bad)

    def next(
        self, verdicts: Mapping[str, Verdict], at_once: int, pending: Sequence[str], latest: Verdict | None
    ) -> Try | Found | Among:
        """What to do after the latest verdict, which was added to those that `foresee` knew. Raises GitError."""
        place = self._foreseen.get(latest) if latest is not None else None
        self._foreseen = {}
        while True:
            if place is not None:
                self.bad, self.graph = place.bad, place.graph
            elif self.bad in self.graph:
                self.bad, self.graph = narrowed(self.graph, self.bad, verdicts)
            weights = self._looked(self.prior, verdicts) if self.prior is not None else None
            if place is not None and place.weights is weights:
                now = place.step
            else:
                now = step(self.graph, self.bad, verdicts, weights, at_once - len(pending), pending)
            if not isinstance(now, Widen):
                return now
            place = None
            self._begin(now.commit)

    def foresee(self, commit: str, verdicts: Mapping[str, Verdict]) -> Mapping[str, float]:
        """What is tried next after either verdict on a commit, and how likely it comes to that."""
        if len(self.graph) > _FORESEEN or self.bad not in self.graph:
            return {}
        outcomes: tuple[Verdict, ...] = ("good", "bad")
        self._foreseen = {each: self._supposing({**verdicts, commit: each}) for each in outcomes}
        return {
            place.step.commits[0]: place.weight()
            for place in self._foreseen.values()
            if isinstance(place.step, Try) and place.step.commits
        }

    def undecided(self, verdicts: Mapping[str, Verdict]) -> frozenset[str]:
        """The commits whose verdicts would still tell something."""
        return undecided(self.graph, self.bad, verdicts)

    def goods_for(self, bad: str) -> list[str]:
        """The good revisions that were named, without those that have this one behind them."""
        return [good for good in self._goods if not self._repository.is_ancestor(bad, good)]

    def _supposing(self, verdicts: Mapping[str, Verdict]) -> _Place:
        bad, graph = narrowed(self.graph, self.bad, verdicts)
        weights = self.prior.weights if self.prior is not None else None
        return _Place(bad, graph, weights, step(graph, bad, verdicts, weights))

    def _looked(self, prior: Prior, verdicts: Mapping[str, Verdict]) -> Mapping[str, float]:
        def goods() -> list[str]:
            return [*self.goods_for(self.bad), *(each for each, said in verdicts.items() if said == "good")]

        return prior.look(self.bad, goods, self.graph)

    def _begin(self, bad: str) -> None:
        self.bad = bad
        self.graph = self._repository.graph(bad, self.goods_for(bad), first_parent=self._first_parent)
