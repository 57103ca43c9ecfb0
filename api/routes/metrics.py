"""What Prometheus reads."""

from math import inf
from typing import Annotated

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.responses import Response

from api.access import Action
from api.deps import Now, ReadDb, by_token
from overheard.models import User
from overheard.operations.figures import MEANS, Figure, Spread, figures

router = APIRouter()


class _Told(Collector):
    """Figures as Prometheus' own library writes them."""

    def __init__(self, told: list[Figure | Spread]) -> None:
        self._told = told

    def collect(self) -> list[Metric]:
        """A family for each name, also for those that have no number just now."""
        families = {name: Metric(f"overheard_{name}", means, "gauge") for name, means in MEANS.items()}
        for one in self._told:
            family, labels = families[one.name], dict(one.labels)
            if isinstance(one, Spread):  # of what is the newest at any time, so that it may fall too
                family.type = "gaugehistogram"
                for bound, number in one.up_to:
                    family.add_sample(
                        f"{family.name}_bucket", labels | {"le": "+Inf" if bound == inf else str(float(bound))}, number
                    )
                family.add_sample(f"{family.name}_gcount", labels, one.up_to[-1][1])
                family.add_sample(f"{family.name}_gsum", labels, one.total)
            else:
                family.type = "summary" if "quantile" in labels else "gauge"
                family.add_sample(family.name, labels, one.value)
        return list(families.values())


@router.get("/metrics")
def metrics(db: ReadDb, now: Now, _user: Annotated[User, by_token(Action.READ_METRICS)]) -> Response:
    """How the installation is doing, in numbers, for an API token of an admin."""
    registry = CollectorRegistry()
    registry.register(_Told(list(figures(db, now=now))))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
