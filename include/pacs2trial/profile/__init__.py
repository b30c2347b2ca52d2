"""What PS3.15 and the trial definition ask for, compiled into a plan that says what becomes of every attribute."""

from pacs2trial.profile.describe import Described, Group, describe, groups
from pacs2trial.profile.plan import Plan, SubjectValues, staging_plan, trial_plan
from pacs2trial.profile.private import PrivateAttribute
from pacs2trial.profile.rules import Action, ItemRules, Rule, RuleSet

__all__ = [
    "Action",
    "Described",
    "Group",
    "ItemRules",
    "Plan",
    "PrivateAttribute",
    "Rule",
    "RuleSet",
    "SubjectValues",
    "describe",
    "groups",
    "staging_plan",
    "trial_plan",
]
