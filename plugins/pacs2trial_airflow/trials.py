"""From trial definitions to DAGs: what is the same for the DAG of every trial, apart from its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pendulum
from airflow.sdk import (
    DAG,
    AssetAny,
    AssetOrTimeSchedule,
    CronDataIntervalTimetable,
    get_parsing_context,
)
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.exceptions import AirflowTimetableInvalid

from pacs2trial import settings as environment
from pacs2trial.errors import InputError
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.load import load_trials
from pacs2trial_airflow.assets import INCOMING, KEYS, asset
from pacs2trial_airflow.form import trigger_form
from pacs2trial_airflow.notices import tell_late

FIRST_DAY = date(2000, 1, 1)
"""Start of a scheduled trial whose definition names none: backfills reach back to it."""
_TAG_LENGTH = 100


def dag_id(trial: str) -> str:
    """The DAG that makes and delivers the packages of a trial."""
    return f"trial_{trial}"


def sound_trials(named: Callable[[str], str] = dag_id) -> Iterator[TrialDefinition]:
    """The definitions of which a DAG can be made. A task process asks for one DAG and gets no other.

    Args:
        named: gives the DAG's name from the trial's.
    """
    good, _problems = examined_trials()
    wanted = get_parsing_context().dag_id
    return (definition for definition in good if wanted in (None, named(definition.trial)))


def require_sound_trials() -> None:
    """Raise what is wrong in the definitions that :func:`sound_trials` leaves out.

    Raises:
        InputError: one line a problem, with file, line and field.
    """
    _good, problems = examined_trials()
    if problems:
        raise InputError(*problems)


def examined_trials() -> tuple[list[TrialDefinition], list[str]]:
    """The definitions that are right, and the problems of the others.

    Also finds what only Airflow objects to: an error that it met later, while it stores a DAG, would count against
    the whole file and take the other trials' DAGs out of service.
    """
    trials, broken = load_trials(environment.load().trials)
    problems = [problem for error in broken.values() for problem in error.problems]
    good = []
    for definition in trials.values():
        objections = _objections(definition)
        problems += objections
        if not objections:
            good.append(definition)
    return good, problems


def trial_dag(definition: TrialDefinition) -> DAG:
    """The DAG of a trial, still without steps.

    Schedules are data intervals in the site's time zone, missed ones are not caught up (a scheduled run reconciles
    everything anyway), and one run of a trial works at a time.
    """
    zone = environment.load().time_zone
    start = definition.start or FIRST_DAY
    return DAG(
        dag_id=dag_id(definition.trial),
        description=definition.title or definition.protocol,
        doc_md=describe(definition),
        schedule=_schedule(definition, zone),
        start_date=pendulum.datetime(start.year, start.month, start.day, tz=zone),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=definition.paused,
        params=trigger_form(definition),
        deadline=_deadline(definition) if definition.schedule else None,
        tags=["pacs2trial", definition.trial, *definition.tags],
        default_args={
            "owner": definition.owner,
            "retries": 2,
            "retry_delay": timedelta(minutes=1),
            "retry_exponential_backoff": 3,
        },
    )


def describe(definition: TrialDefinition) -> str:
    """The DAG's page of documentation."""
    source, package = definition.source, definition.package
    options = ", ".join(definition.profile.options) or "none: Basic Profile alone"
    destinations = "; ".join(" ".join(filter(None, (d.to, d.connection, d.path))) for d in definition.deliver) or "none"
    return f"""\
### {definition.title or definition.trial}

| | |
| --- | --- |
| Trial | {definition.trial} |
| Sponsor | {definition.sponsor} |
| Protocol | {definition.protocol} |
| Source | PACS connection `{source.pacs}` by {source.retrieve}: {", ".join(source.modalities)} |
| Studies | {source.select.words() if source.select else "all that hold these modalities"} |
| Options of PS3.15 E.3 | {options} |
| Package | one per {package.per} |
| Review | {definition.review} |
| Delivered to | {destinations} |
| Schedule | {definition.schedule or "by hand"}; when its key table was corrected or data came unasked |

**plan** asks the PACS what it holds of each enrolled subject. **retrieve** fetches what is not staged yet,
**stage** waits for it. Then for each subject: **filter** applies the trial's rules, **collect** makes the package,
**verify** checks it independently, **deliver** sends it. Where the trial wants a review, **ask** wakes
`review_{definition.trial}`, which asks people, and sends what they approve. **balance** accounts for every expected
instance.

A *skipped* step has nothing to do or waits for a person; its log says which.
"""


def _deadline(definition: TrialDefinition) -> DeadlineAlert:
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=definition.late_after),
        callback=AsyncCallback(tell_late, kwargs={"trial": definition.trial}),
    )


def _schedule(definition: TrialDefinition, zone: str) -> AssetOrTimeSchedule | AssetAny:
    """When a trial runs by itself: on its schedule, when its key table has changed, when something came unasked."""
    woken = AssetAny(asset(definition.trial, KEYS), asset(definition.trial, INCOMING))
    timetable = _timetable(definition, zone)
    return AssetOrTimeSchedule(timetable=timetable, assets=woken) if timetable else woken


def _timetable(definition: TrialDefinition, zone: str) -> CronDataIntervalTimetable | None:
    return CronDataIntervalTimetable(definition.schedule, timezone=zone) if definition.schedule else None


def _objections(definition: TrialDefinition) -> list[str]:
    name = f"trial {definition.trial}"
    objections = []
    try:
        if timetable := _timetable(definition, "UTC"):
            timetable.validate()
    except AirflowTimetableInvalid:
        objections.append(f'{name}, schedule: {definition.schedule!r} is no cron expression such as "0 2 * * *"')
    objections += [
        f"{name}, tags: {tag!r} is longer than {_TAG_LENGTH} characters"
        for tag in definition.tags
        if len(tag) > _TAG_LENGTH
    ]
    return objections
