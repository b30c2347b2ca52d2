"""The demo PACS: ``python -m pacs2trial_demo.pacs``, or :class:`DemoPacs` inside a test."""

from pacs2trial_demo.pacs.faults import Faults, Request
from pacs2trial_demo.pacs.server import DemoPacs

__all__ = ["DemoPacs", "Faults", "Request"]
