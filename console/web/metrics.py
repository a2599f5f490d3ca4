"""/metrics, in Prometheus' words: runs, lag, reviews, clocks, the queue; and how fast the console answers.

What the database knows is asked for when Prometheus asks, by counts that look through no table of leads; what the console does
is counted by this process. Invariant: nothing personal: systems, kinds, states, templates of addresses, and numbers.
https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

import time
from collections import Counter as Counts
from collections.abc import Iterator, Mapping
from typing import cast

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.web.page import ROLES, Page, anybody, by_role, site_of
from console.web.site import Site
from mapping.problems import ConfigErrors
from state.listing import Listing

router = APIRouter()
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """Of one application."""

    def __init__(self, site: Site) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "smarketing_http_requests", "Requests by the template of their address.", ("method", "route", "status"),
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "smarketing_http_request_seconds", "Until an answer begins.", ("method", "route"), buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.registry.register(Project(site))


class Project(Collector):
    """What the database and the jobs tell at the moment."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def describe(self) -> Iterator[Metric]:
        """Nothing is asked of the database before it is scraped."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        yield from self._configuration()
        yield from self._jobs()
        with Listing(self._site.engine) as listing:
            pulse = listing.pulse()
        now = time.time()
        yield _gauges(
            "smarketing_system_lag_seconds", "Since a system was last read to the end.", "system",
            {system: now - at.timestamp() for system, at in pulse.read.items()},
        )  # fmt: skip
        runs = CounterMetricFamily("smarketing_runs", "Runs that have ended, by outcome.", labels=("kind", "outcome"))
        for (kind, outcome), count in sorted(pulse.runs.items()):
            runs.add_metric((kind, outcome), count)
        yield runs
        last = pulse.last_run.timestamp() if pulse.last_run else 0.0
        yield _gauge("smarketing_last_run_end_timestamp_seconds", "When the last run ended; 0 where none has.", last)
        yield _gauges("smarketing_reviews_open", "Questions that wait for a person.", "kind", pulse.reviews)
        yield _gauge("smarketing_reviews_answered", "Answers that the next run carries out.", pulse.answered)
        yield _gauge("smarketing_records_queued", "Records that the next run has to look at.", pulse.queue)
        yield _gauges("smarketing_writes_in_doubt", "Writes of which no answer is known.", "system", pulse.in_doubt)
        yield _gauge("smarketing_sla_clocks_open", "Clocks that have not stopped.", sum(pulse.clocks.values()))
        yield _gauge("smarketing_sla_clocks_overdue", "Those of them over their time.", pulse.clocks.get("breached", 0))

    def _configuration(self) -> Iterator[Metric]:
        try:
            readable = bool(self._site.opened)
        except (ConfigErrors, OSError):
            readable = False
        yield _gauge("smarketing_configuration_readable", "1 where the configuration has no error.", readable)

    def _jobs(self) -> Iterator[Metric]:
        running = Counts(job.kind for job in self._site.jobs.all() if job.running)
        yield _gauges("smarketing_jobs_running", "Jobs of this process that are under way.", "kind", running)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=float(value))


def _gauges(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=(label,))
    for key, value in sorted(values.items()):
        family.add_metric((key,), float(value))
    return family


class Measured:
    """Around everything that answers: counts and times each request by the template of its route, never by its address."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                method, route = _method(scope), _route(scope)
                self._metrics.seconds.labels(method, route).observe(time.perf_counter() - began)
                self._metrics.requests.labels(method, route, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, watched)


METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def _method(scope: Scope) -> str:
    """Whatever a visitor makes up is one, so that nobody can fill the memory with labels."""
    return str(scope["method"]) if scope["method"] in METHODS else "other"


def _route(scope: Scope) -> str:
    route = scope.get("route")
    if route is not None:
        return str(route.path)
    return "/static" if scope["path"].startswith("/static/") else "none"


async def _scraper(request: Request) -> Page:
    """With a token, unless the configuration opens it to whoever can reach it."""
    if site_of(request).console.open_metrics:
        return await anybody(request)
    return await by_role("viewer", program=True)(request)


ROLES[_scraper] = "viewer"


@router.get("/metrics", dependencies=[Depends(_scraper)])
def metrics(request: Request) -> Response:
    found = cast(Metrics, request.app.state.metrics)
    return Response(generate_latest(found.registry), media_type=CONTENT_TYPE_LATEST)
