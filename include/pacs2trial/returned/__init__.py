"""The way back: objects that a trial derived from pseudonymised data get their patient's identity again."""

from pacs2trial.returned.files import Returned, map_back

__all__ = ["Returned", "map_back"]
