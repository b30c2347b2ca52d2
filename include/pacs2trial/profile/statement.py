"""The conformance statement that goes with a package: what was done to its objects, for who gets them (PS3.15 E.1).

It is made of what decides the bytes of the objects and of nothing else: no reason that somebody gave, no text that a
rule looks for, for that might name the hospital that the rule is there to hide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pacs2trial.profile.describe import groups
from pacs2trial.profile.plan import Plan
from pacs2trial.profile.rule_words import describe_rules
from pacs2trial.profile.sentences import topics
from pacs2trial.profile.table import edition
from pacs2trial.trials.rulefaults import Does


def statement(plan: Plan) -> str:
    """The statement of a trial's plan as Markdown."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    yield f"# {plan.scope}: conformance statement of de-identification"
    yield ""
    yield f"After DICOM PS3.15 {edition()}, annex E. Digest of the rules: {plan.digest}"
    if plan.offset is not None:
        plan = replace(plan, offset=plan.offset.model_copy(update={"because": ""}))
    for topic in topics(plan):
        yield from ("", f"## {topic.title}", "", topic.text)
    if plan.own:
        yield from ("", "## Rules of the trial, the first that matches decides", "")
        yield "| attributes | objects | action |"
        yield "| --- | --- | --- |"
        for rule, told in zip(plan.own.rules, describe_rules(plan.own), strict=True):
            action = "some values replaced, others as without this rule" if rule.does is Does.REPLACE else told.action
            yield _row(told.attributes, told.objects, action)
    for group in groups(plan):
        yield from ("", f"## {group.title}", "", "| tag | attribute | action |", "| --- | --- | --- |")
        for row in group.rows:
            yield _row(*row)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
