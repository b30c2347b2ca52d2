"""``python -m pacs2trial_demo.pacs --folder DIR``: serves until SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import click

from pacs2trial_demo.pacs.server import DemoPacs, parse_destinations


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="Folder of DICOM files to serve.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 picks a free one.")
@click.option("--aet", default="DEMOPACS", show_default=True, help="AE title.")
@click.option("--destination", "destinations", multiple=True, metavar="AET=HOST:PORT", help="Where C-MOVE may send to.")
@click.option("--port-file", type=click.Path(path_type=Path), help="Where to write the port once it listens.")
def serve(folder: Path, port: int, aet: str, destinations: tuple[str, ...], port_file: Path | None) -> None:
    """A small PACS on loopback: C-ECHO, C-FIND, C-MOVE, C-GET, C-STORE."""
    try:
        pacs = DemoPacs(folder, aet, parse_destinations(destinations), port)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--destination") from None
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        listening = pacs.start()
    except OSError as error:
        raise click.ClickException(f"cannot listen on port {port}: {error.strerror}; choose another --port") from None
    if port_file is not None:
        port_file.write_text(str(listening), "utf-8")
    click.echo(f"{aet} listens on 127.0.0.1:{listening}, {len(pacs.index)} instances")
    sys.stdout.flush()
    ended.wait()
    pacs.stop()


if __name__ == "__main__":
    serve()
