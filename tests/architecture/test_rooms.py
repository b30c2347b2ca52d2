"""The house is built as docs/decisions/0001 says: doors, arrows, small files."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "include" / "pacs2trial"
LONGEST_FILE = 400
EMPTY_NOUNS = re.compile(r"(^|_)(manager|helpers?|utils?|common|misc)(_|$)")
EMPTY_VERBS = re.compile(r"^_*(handle|process)(_|$)")
SQLALCHEMY_NAMES = {"process_bind_param", "process_result_value"}


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations/versions" not in path.as_posix():
                yield path


def test_arrows_point_down() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_library_imports_where_airflow_is_absent() -> None:
    names = [
        ".".join(path.relative_to(ROOT / "include").with_suffix("").parts).removesuffix(".__init__")
        for path in sorted(LIBRARY.rglob("*.py"))
        if "migrations" not in path.parts and path.name != "__main__.py"
    ]
    script = f"""
import importlib, importlib.abc, sys
class NoAirflow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition('.')[0] in {{'airflow', 'pacs2trial_airflow', 'pacs2trial_demo'}}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoAirflow())
for name in {names!r}:
    importlib.import_module(name)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def test_importing_the_library_does_nothing(tmp_path: Path) -> None:
    script = "import sys, pacs2trial.cli, pacs2trial.workspace; sys.exit('pynetdicom' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["include", "plugins", "demo", "dags", "tests"])
def test_files_are_small(folder: str) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in modules(folder)
        if (lines := len(path.read_text("utf-8").splitlines())) > LONGEST_FILE
    }
    assert long == {}


def test_only_settings_reads_the_environment() -> None:
    readers = {
        path.name
        for path in modules("include/pacs2trial")
        if re.search(r"\bos\.(environ|getenv)\b", path.read_text("utf-8"))
    }
    assert readers == {"settings.py"}


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XXX|NotImplemented" + r"Error)\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in modules("include", "plugins", "demo", "dags")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if marks.search(line) and not line.lstrip().startswith("except")
    ]
    assert found == []


def test_every_ignored_type_error_says_why() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in modules("include", "plugins", "demo", "dags")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if "# type: " + "ignore" in line and not re.search(r"# type: ignore\[[^]]+\]\s+#\s+\w", line)
    ]
    assert found == []


def test_names_say_what_they_are() -> None:
    found = []
    for path in modules("include", "plugins", "demo", "dags"):
        if EMPTY_NOUNS.search(path.stem):
            found.append(str(path.relative_to(ROOT)))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            empty = EMPTY_NOUNS if isinstance(node, ast.ClassDef) else EMPTY_VERBS
            if empty.search(_snake(node.name)) and node.name not in SQLALCHEMY_NAMES:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert found == []


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
