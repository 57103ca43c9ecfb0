"""What Prometheus reads."""

from itertools import groupby
from typing import Annotated

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.responses import Response

from api.access import Action
from api.deps import Now, ReadDb, by_token
from overheard.models import User
from overheard.operations.figures import Figure, figures

router = APIRouter()


class _Told(Collector):
    """Figures as Prometheus' own library writes them."""

    def __init__(self, told: list[Figure]) -> None:
        self._told = sorted(told, key=lambda figure: figure.name)

    def collect(self) -> list[Metric]:
        """A family for each name."""
        families: list[Metric] = []
        for name, group in groupby(self._told, key=lambda figure: figure.name):
            same = list(group)
            family = GaugeMetricFamily(f"overheard_{name}", same[0].means, labels=list(same[0].labels))
            for figure in same:
                family.add_metric(list(figure.labels.values()), figure.value)
            families.append(family)
        return families


@router.get("/metrics")
def metrics(db: ReadDb, now: Now, _user: Annotated[User, by_token(Action.READ_METRICS)]) -> Response:
    """How the installation is doing, in numbers, for an API token of an admin."""
    registry = CollectorRegistry()
    registry.register(_Told(list(figures(db, now=now))))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
