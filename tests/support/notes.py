"""Notifiers of Airflow that write into the file named by ``NOTES`` instead of sending a mail."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk.bases.notifier import BaseNotifier


class Note(BaseNotifier):
    """A notifier as providers have them: texts that may hold templates, no asynchronous way."""

    template_fields: Sequence[str] = ("text",)

    def __init__(self, text: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text

    def notify(self, context: Any) -> None:
        with Path(os.environ["NOTES"]).open("a") as file:
            file.write(f"{self.text}\n")


class AsyncNote(Note):
    """The same for the triggerer."""

    async def async_notify(self, context: Any) -> None:
        self.notify(context)


class Broken(Note):
    def notify(self, context: Any) -> None:
        raise OSError("no route to the mail server")
