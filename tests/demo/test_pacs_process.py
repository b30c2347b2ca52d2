"""The demo PACS as the process that ``make demo`` starts."""

import signal
import socket
import subprocess
import sys
import time

import pytest

WAIT_S = 30


def command(*arguments):
    return [sys.executable, "-m", "pacs2trial_demo.pacs", *map(str, arguments)]


def test_it_says_its_port_serves_and_ends_on_sigterm(tmp_path, small_archive, dcmtk):
    port_file = tmp_path / "port"
    process = subprocess.Popen(
        command("--folder", small_archive, "--aet", "ARCHIVE", "--port-file", port_file),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        port = int(port_file.read_text())
        assert f"ARCHIVE listens on 127.0.0.1:{port}" in line
        assert dcmtk.echoscu(port, "ARCHIVE").returncode == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
    finally:
        process.kill()
        process.wait()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_taken_port_is_said_in_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            command("--folder", tmp_path, "--port", port), capture_output=True, text=True, timeout=WAIT_S, check=False
        )
    assert done.returncode == 1
    assert done.stderr.strip() == f"Error: cannot listen on port {port}: Address already in use; choose another --port"


@pytest.mark.parametrize("text", ["PEER", "PEER=127.0.0.1", "=127.0.0.1:104", "PEER=127.0.0.1:dicom"])
def test_a_destination_of_another_form_is_refused(tmp_path, text):
    started = time.monotonic()
    done = subprocess.run(
        command("--folder", tmp_path, "--destination", text),
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 2
    assert "AET=host:port" in done.stderr
    assert time.monotonic() - started < WAIT_S
