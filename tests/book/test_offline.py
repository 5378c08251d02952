"""A fresh machine: tests and what they start have no way out, and no data at first."""

import os
import socket
import subprocess
import sys
import threading
import urllib.request

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook
from no_way_out import is_local

from coordlib.lab.data import cache_folder

# An address that is reserved for examples: nobody would answer.
REACH = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)"


def test_a_test_reaches_nothing_but_this_machine():
    with pytest.raises(OSError, match="no way out, not to 192"):
        socket.create_connection(("192.0.2.1", 80), timeout=5)
    with pytest.raises(OSError, match=r"no way out, not to example\.org"):
        socket.getaddrinfo("example.org", 80)
    with pytest.raises(OSError, match="no way out"):
        socket.gethostbyname("example.org")
    packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with packets, pytest.raises(OSError, match="no way out"):
        packets.sendto(b"", ("192.0.2.1", 53))
    with socket.socket() as tried, pytest.raises(OSError, match="no way out"):
        tried.connect_ex(("192.0.2.1", 80))
    with pytest.raises(OSError, match="no way out"):
        urllib.request.urlopen("http://example.org", timeout=5)


def test_a_child_process_does_not_either():
    done = subprocess.run([sys.executable, "-c", REACH], capture_output=True, text=True)
    assert done.returncode
    assert "the tests have no way out" in done.stderr


@pytest.mark.parametrize("client", ["npm", "/usr/bin/apt-get", "curl"])
def test_no_other_program_is_sent_to_fetch(client):
    with pytest.raises(OSError, match=f"no way out by {client}"):
        subprocess.run([client, "--version"], check=False)


def test_a_notebook_does_not_either():
    cells = [new_code_cell("import os; os.environ['COORDLIB_DATA']")]
    notebook = new_notebook(cells=[*cells, new_code_cell(REACH)])
    with pytest.raises(CellExecutionError, match="the tests have no way out"):
        NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    (output,) = notebook.cells[0].outputs
    assert output.data["text/plain"].strip("'") == os.environ["COORDLIB_DATA"]
    nbformat.validate(notebook)


def test_this_machine_talks_to_itself():
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=lambda: server.accept()[0].sendall(b"hello")).start()
    with socket.create_connection(("localhost", server.getsockname()[1])) as client:
        assert client.recv(5) == b"hello"
    server.close()
    one, other = socket.socketpair()
    one.sendall(b"hello")
    assert other.recv(5) == b"hello"
    one.close()
    other.close()


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.8.8.8", "::1", "", b""]
)
def test_the_loopback_is_local(host):
    assert is_local(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "example.org", "localhost.example.org"])
def test_all_else_is_not(host):
    assert not is_local(host)


def test_the_cache_of_data_is_empty():
    assert cache_folder().is_dir()
    assert not list(cache_folder().iterdir())
