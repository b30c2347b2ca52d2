"""Programs that remove faces, as a site would register them: real ones, each a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

_BEGIN = """
import os, shutil, sys, time
from pathlib import Path

given, made = Path(sys.argv[1]), Path(sys.argv[2])

def copied():
    shutil.copytree(given, made, dirs_exist_ok=True)
    return sorted(made.iterdir())

def each(change):
    from pydicom import dcmread
    for path in sorted(given.iterdir()):
        ds = dcmread(path)
        values = ds.pixel_array.copy()
        change(ds, values)
        ds.PixelData = values.tobytes()
        ds.PatientName, ds.SeriesDescription = "Made^Up", "by the program"
        ds.save_as(made / path.name)

def cut(ds, values):
    values[..., : ds.Rows // 3, :] = {value}
"""

CUT = "each(cut)"
"""Puts one value into the front third of each image, and changes the header, which nobody asked for."""


def script(folder: Path, body: str = CUT, value: str = "values.min()", name: str = "program") -> Path:
    """A Python program with ``body``; ``value`` is what ``cut`` writes."""
    path = folder / f"{name}.py"
    path.write_text(_BEGIN.replace("{value}", value) + body + "\n", "utf-8")
    return path


def registered(folder: Path, program: Path, **told: object) -> Path:
    """A file of face programs that names one."""
    command = [sys.executable, str(program), "{in}", "{out}"]
    path = folder / "faces.yaml"
    path.write_text(yaml.safe_dump([{"name": "front third", "version": "1.0", "command": command} | told]), "utf-8")
    return path
