"""From a YAML file to a validated trial definition; every problem of a file is told at once, with line and field."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import ValidationError

from pacs2trial.errors import InputError
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.explain import explain
from pacs2trial.trials.source import Origin, Source, read_source

SUFFIXES = (".yaml", ".yml")


def load_definition(path: Path) -> TrialDefinition:
    """Read one definition.

    Raises:
        InputError: the file is absent, is not YAML, or says something that no definition can say; one line a problem.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text ({type(error).__name__})") from None
    return _read(path.name, text)


@lru_cache(maxsize=256)
def _read(name: str, text: str) -> TrialDefinition:
    """The definition that the text of a file makes, remembered: services ask for it with every request."""
    try:
        source, problems = read_source(name, text)
    except yaml.YAMLError as error:
        raise InputError(_syntax_problem(name, error)) from None
    except ValueError as error:
        raise InputError(f"{name}: a date in it does not exist ({error})") from None
    if source is None:
        raise InputError(*problems)
    try:
        definition = TrialDefinition.model_validate(source.content)
    except ValidationError as error:
        raise InputError(*problems, *explain(error, source)) from None
    if problems:
        raise InputError(*problems)
    return definition.read_from(Origin(source))


def load_trials(folder: Path) -> tuple[dict[str, TrialDefinition], dict[Path, InputError]]:
    """All definitions of a folder by trial ID, and the files that are wrong apart with what is wrong in them.

    Two files that name the same trial (case does not count) are both wrong: nobody can tell which is meant.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder of trial definitions; set PACS2TRIAL_TRIALS")
    found: dict[Path, TrialDefinition] = {}
    broken: dict[Path, InputError] = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and not path.name.startswith(".")):
        try:
            found[path] = load_definition(path)
        except InputError as error:
            broken[path] = error
    files: dict[str, list[Path]] = {}
    for path, definition in found.items():
        files.setdefault(definition.trial.upper(), []).append(path)
    for trial, paths in files.items():
        for path in paths if len(paths) > 1 else ():
            others = ", ".join(other.name for other in paths if other != path)
            broken[path] = InputError(f"{path.name}, trial: {trial} is also defined in {others}; a trial has one file")
            del found[path]
    return {definition.trial: definition for definition in found.values()}, broken


def load_trial(folder: Path, trial_id: str) -> TrialDefinition:
    """The definition of one trial.

    Raises:
        InputError: no file of the folder defines it (those that exist are named), or its file is wrong.
    """
    trials, broken = load_trials(folder)
    for name, definition in trials.items():
        if name.upper() == trial_id.upper():
            return definition
    for path, error in broken.items():
        if path.stem.upper() == trial_id.upper() or _names(path, trial_id):
            raise error
    known = ", ".join(sorted(trials)) or "none"
    wrong = f"; definitions that are wrong: {', '.join(path.name for path in broken)}" if broken else ""
    raise InputError(f"trial {trial_id!r} is not defined in {folder}; trials there: {known}{wrong}")


def canonical(definition: TrialDefinition) -> bytes:
    """The definition as JSON with sorted keys: what is pinned, and equal for equal definitions however written."""
    content = definition.model_dump(mode="json")
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _names(path: Path, trial_id: str) -> bool:
    """Whether a file that is otherwise wrong says that it defines ``trial_id``."""
    try:
        source, _problems = read_source(path.name, path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return False
    return isinstance(source, Source) and str(source.content.get("trial", "")).upper() == trial_id.upper()


def _syntax_problem(file: str, error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{file} line {mark.line + 1}, column {mark.column + 1}: not YAML: {error.problem}"
    return f"{file}: not YAML: {error}"
