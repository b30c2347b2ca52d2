#!/bin/sh
# Makes .venv with the named extras of pacs2trial in it, at the versions of constraints.txt. Needs no root.
set -eu
extras=${1:-demo}
python=${PYTHON:-python3}

command -v "$python" >/dev/null || { echo "setup: $python not found; install Python 3.11 or newer, or run: make PYTHON=/path/to/python3 …" >&2; exit 2; }
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || {
    echo "setup: $("$python" --version) found; Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 …" >&2; exit 2; }

if command -v uv >/dev/null; then
    uv=uv
    [ -x .venv/bin/python ] || uv venv --quiet --python "$python" .venv
else
    [ -x .venv/bin/pip ] || "$python" -m venv --clear .venv || {
        rm -rf .venv
        echo "setup: $python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv (or install uv)" >&2; exit 2; }
    [ -x .venv/bin/uv ] || .venv/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
    uv=.venv/bin/uv
fi
echo "setup: installing pacs2trial[$extras] into .venv" >&2
"$uv" pip install --quiet --python .venv/bin/python --constraint constraints.txt --build-constraint constraints.txt --editable ".[$extras]"
