"""Everything that workers of the pool call, in one import."""

from __future__ import annotations

from pacs2trial_airflow.pages.made import drawings, headers, held, images, links

__all__ = ["drawings", "headers", "held", "images", "links"]
