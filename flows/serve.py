"""The schedules of a project in one process, without a work pool or a worker: `python -m flows.serve --project DIR`.

What is scheduled, when and how, is read from prefect.yaml, so that both ways of running are the same. Needs a Prefect
server, as the worker does. Ctrl-C (SIGINT) ends it; the schedules stay, and go on when it is started again.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prefect import serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.deployments.runner import RunnerDeployment
from prefect.flows import Flow
from prefect.schedules import Cron, Interval, Schedule
from prefect.types.entrypoint import EntrypointType
from prefect.utilities.importtools import import_object
from prefect.utilities.templating import apply_values
from ruamel.yaml import YAML

from flows.deploying import HOME, prepare

FILE = HOME / "prefect.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m flows.serve", description=__doc__)
    parser.add_argument("--project", default="", help="the project folder; where not given, SMARKETING_PROJECT")
    parser.add_argument("--name", default=os.environ.get("SMARKETING_NAME", ""), help="instead of the folder's name")
    asked = parser.parse_args(arguments)
    values = asyncio.run(prepare(asked.project, asked.name))
    file = read(FILE)
    os.environ.update(file["definitions"]["pool"]["job_variables"]["env"])  # for the runs, which are processes
    serve(*(deployment(one, values) for one in file["deployments"]), pause_on_shutdown=False)
    return 0


def read(file: Path) -> dict[str, Any]:
    data: dict[str, Any] = YAML(typ="safe", pure=True).load(file.read_text("utf-8"))
    return data


def deployment(config: Mapping[str, Any], values: Mapping[str, str]) -> RunnerDeployment:
    """One entry of prefect.yaml, its placeholders filled in."""
    filled = apply_values(dict(config), {"project": dict(values)})
    flow: Flow[..., Any] = import_object(filled["entrypoint"])
    made = flow.to_deployment(
        filled["name"],
        description=filled["description"],
        tags=filled["tags"],
        parameters=filled["parameters"],
        schedules=[_schedule(one) for one in filled["schedules"]],
        concurrency_limit=_limit(filled["concurrency_limit"]),
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    assert isinstance(made, RunnerDeployment)
    return made


def _schedule(config: Mapping[str, Any]) -> Schedule:
    if "cron" in config:
        return Cron(config["cron"], timezone=config["timezone"], slug=config["slug"])
    anchor = datetime.fromisoformat(config["anchor_date"])
    return Interval(timedelta(seconds=config["interval"]), anchor, config["timezone"], slug=config["slug"])


def _limit(config: Mapping[str, Any]) -> ConcurrencyLimitConfig:
    return ConcurrencyLimitConfig.model_validate(dict(config))


if __name__ == "__main__":
    raise SystemExit(main())
