"""Run as a program: says which options Airflow knows, and which of the commands on stdin it accepts."""

from __future__ import annotations

import contextlib
import io
import json
import sys


def main() -> None:
    from airflow.cli import cli_parser
    from airflow.configuration import conf

    options = {section: sorted(content["options"]) for section, content in conf.configuration_description.items()}
    parser = cli_parser.get_parser()
    refused = {}
    for command in json.load(sys.stdin):
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                parser.parse_args(command)
        except SystemExit:
            refused[" ".join(command)] = said.getvalue()[-500:]
    sensitive = [list(pair) for pair in conf.sensitive_config_values]
    json.dump({"options": options, "sensitive": sensitive, "refused": refused}, sys.stdout)


main()
