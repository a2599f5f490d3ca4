"""A project folder, read and checked: `smarketing.yaml` and `mappings/<system>.yaml` as one frozen `Project`.

Files are drafts; what runs is a `Project` that was published, kept as its canonical text. Secrets are resolved only
by `resolve_secrets`, into a dictionary that the caller throws away: the `Project` itself holds nothing but ${NAME}.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import orjson

from mapping.checks import check
from mapping.compiler import canonical, rules_of
from mapping.config import MappingFile, ProjectFile
from mapping.derived import scorer_of
from mapping.folder import FOLDER as FOLDER
from mapping.folder import MAIN as MAIN
from mapping.folder import Files as Files
from mapping.folder import sources
from mapping.problems import ConfigError, ConfigErrors, listed, nearest
from mapping.rules import Rules
from mapping.scoring import Scorer
from mapping.shape import fitted
from mapping.source import Source, missing, read_bytes

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Project:
    """`folder` is where it was read from; it is no part of what the project means."""

    folder: Path
    config: ProjectFile
    mappings: Mapping[str, MappingFile]
    hash: str = field(default="")
    """Digest of the meaning: comments, layout and the order of keys do not change it."""

    def dump(self) -> str:
        """The canonical text, for publishing; `restore` reads it. Secrets stand in it as ${NAME}."""
        return canonical(_meaning(self.config, self.mappings))


class Parsed(NamedTuple):
    """What could be read of a project's files, without the entries that are wrong; those are `errors`. `config` is None
    where too much of `smarketing.yaml` is missing to go on."""

    config: ProjectFile | None
    mappings: Mapping[str, MappingFile]
    errors: Sequence[ConfigError]


def load_project(folder: Path | str, files: Files | None = None) -> Project:
    """`files`: name -> text, in place of the configuration that lies in the folder: a draft. Raises ConfigErrors with
    everything that is wrong in any of the files."""
    config, mappings, errors = parsed(folder, files)
    if errors or config is None:
        raise ConfigErrors(errors)
    return _project(Path(folder), config, mappings)


def parsed(folder: Path | str, files: Files | None = None) -> Parsed:
    """As `load_project`, whatever is wrong."""
    found = _drafted(files) if files is not None else sources(Path(folder))
    main = found.pop(MAIN, None) or missing(MAIN)
    config = fitted(main, ProjectFile) if main.data is not None else None
    others = {
        PurePosixPath(name).stem: (source, fitted(source, MappingFile) if source.data is not None else None)
        for name, source in found.items()
    }
    if config is not None:
        check(main, config, others)
        _pair_up(main, config, others)
    errors = [*main.errors, *(error for source, _ in others.values() for error in source.errors)]
    return Parsed(config, {name: mapping for name, (_, mapping) in others.items() if mapping is not None}, errors)


def _drafted(files: Files) -> dict[str, Source]:
    names = [MAIN, *sorted(name for name in files if name.startswith(f"{FOLDER}/"))]
    return {name: read_bytes(files[name].encode("utf-8", "surrogatepass"), name) for name in names if name in files}


def restore(text: str | bytes, folder: Path | str = ".") -> Project:
    """A project from its canonical text, as published. Raises ValueError where the text is none."""
    data = orjson.loads(text)
    mappings = {name: MappingFile.model_validate(body) for name, body in data["mappings"].items()}
    return _project(Path(folder), ProjectFile.model_validate(data["config"]), mappings)


def compile_rules(project: Project, *, without: Iterable[str] = ()) -> Rules:
    """What a run goes by. Systems in `without` are left out of it; their place in the conflict policies stays."""
    return rules_of(project.config, project.mappings, project.hash, without)


def compile_scorer(project: Project) -> Scorer:
    """The score with its parts, for explaining it."""
    return scorer_of(project.config)


def json_schema() -> dict[str, dict[str, Any]]:
    """JSON Schemas for editors, by the files that they are for."""
    return {MAIN: ProjectFile.model_json_schema(), f"{FOLDER}/*.yaml": MappingFile.model_json_schema()}


# -- secrets ----------------------------------------------------------------------------------------------------------


def variables(value: Any) -> set[str]:
    """The names of the environment that a setting asks for."""
    if isinstance(value, str):
        return set(_VARIABLE.findall(value))
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return {name for part in inner for name in variables(part)}


def resolve_secrets(settings: Mapping[str, Any], env: Mapping[str, str], *, where: str = "settings") -> dict[str, Any]:
    """The settings with every ${NAME} filled in. Raises ConfigErrors naming all variables that are missing."""
    missing = sorted(name for name in variables(settings) if not env.get(name))
    if missing:
        raise ConfigErrors(
            ConfigError(MAIN, 0, where, f"the environment variable {name} is not set", f"export {name}=…")
            for name in missing
        )
    filled: dict[str, Any] = _filled(settings, env)
    return filled


def resolve_database(project: Project, env: Mapping[str, str]) -> str:
    """The database's URL, secrets filled in, a relative SQLite path made absolute in the project folder."""
    url: str = resolve_secrets({"database": project.config.database}, env, where="database")["database"]
    match = re.fullmatch(r"(sqlite(?:\+\w+)?:///)(?!/)(?!:memory:)(.+)", url)
    return f"{match[1]}{(project.folder / match[2]).resolve()}" if match else url


def _filled(value: Any, env: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: env[match[1]], value)
    if isinstance(value, Mapping):
        return {key: _filled(inner, env) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(inner, env) for inner in value]
    return value


# -- the rest ---------------------------------------------------------------------------------------------------------


def _pair_up(main: Source, config: ProjectFile, sources: Mapping[str, tuple[Source, MappingFile | None]]) -> None:
    """Every system has its mapping, every mapping its system."""
    known = main.keys("systems")
    for name in known:
        if name not in sources:
            likely = nearest(name, [found for found in sources if found not in known])
            main.error(
                ("systems", name), "this system has no mapping", f"a file {FOLDER}/{name}.yaml",
                f"{FOLDER}/{likely}.yaml" if likely else "",
            )  # fmt: skip
    for name, (source, _) in sources.items():
        if name not in known:
            source.error((), f"{MAIN} has no system {name!r}", listed(known), nearest(name, known))


def _meaning(config: ProjectFile, mappings: Mapping[str, MappingFile]) -> dict[str, Any]:
    as_written: dict[str, Any] = {"mode": "json", "by_alias": True, "exclude_defaults": True}
    return {
        "config": config.model_dump(**as_written),
        "mappings": {name: mapping.model_dump(**as_written) for name, mapping in mappings.items()},
    }


def _project(folder: Path, config: ProjectFile, mappings: Mapping[str, MappingFile]) -> Project:
    digest = blake2b(canonical(_meaning(config, mappings)).encode(), digest_size=12).hexdigest()
    return Project(folder, config, mappings, digest)
