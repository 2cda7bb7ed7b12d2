"""The suite runs without a network: in this process, in a process that a test starts, and in a notebook kernel."""

import socket
import subprocess
import sys
import urllib.request

import nbformat
import pytest
from nbclient import NotebookClient

# An address reserved for documentation (RFC 5737): it never answers, so only the block can refuse at once.
REMOTE = ("192.0.2.1", 80)
ATTEMPT = f"import socket\nsocket.create_connection({REMOTE}, timeout=5)"


def test_connections_and_look_ups_are_refused_here():
    with pytest.raises(OSError, match="network is blocked"):
        socket.create_connection(REMOTE, timeout=5)
    for connect in (socket.socket.connect, socket.socket.connect_ex):
        with pytest.raises(OSError, match="network is blocked"), socket.socket() as tcp:
            tcp.settimeout(5)
            connect(tcp, REMOTE)
    with pytest.raises(OSError, match="network is blocked"):
        socket.getaddrinfo("example.org", 443)
    with pytest.raises(OSError, match="network is blocked"), socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.sendto(b"x", REMOTE)
    with pytest.raises(OSError, match="network is blocked"):
        urllib.request.urlopen("https://example.org", timeout=5)


def test_loopback_stays_open():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_a_started_process_is_blocked():
    result = subprocess.run([sys.executable, "-c", ATTEMPT], capture_output=True, text=True, timeout=60)
    assert result.returncode != 0 and "network is blocked" in result.stderr


def test_a_notebook_kernel_is_blocked():
    source = f"try:\n    {ATTEMPT.replace(chr(10), chr(10) + '    ')}\nexcept OSError as error:\n    print(error)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    assert "network is blocked" in notebook.cells[0].outputs[0].text
