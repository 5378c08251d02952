"""No way out: a process that imports this reaches nothing but this machine.

``conftest.py`` at the root imports it, and puts this folder on the path of all Python
processes that the tests start: the workers of pytest-xdist, the kernels of notebooks
and other children import it through ``sitecustomize``. There is no way back.
"""

import errno
import sys
from ipaddress import ip_address
from pathlib import PurePath

REACHES = ("socket.connect", "socket.sendto", "socket.sendmsg")
ASKS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyname_ex")
CLIENTS = ("apt-get", "curl", "npm", "npx", "wget")
LOCAL = (None, "", b"", "localhost", b"localhost")


def refuse(event: str, arguments: tuple) -> None:
    """Raise where a process is about to leave this machine, or to ask for a way out.

    It may not send a program that is no Python to fetch for it, either.

    Jupyter, Dask and the browser talk over the loopback and over Unix sockets, whose
    addresses are no pairs; those stay open.
    """
    if event in REACHES:
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event in ASKS:
        host = arguments[0]
    elif event == "subprocess.Popen" and PurePath(arguments[0]).name in CLIENTS:
        raise OSError(errno.ENETUNREACH, f"the tests have no way out by {arguments[0]}")
    else:
        return
    if isinstance(host, str | bytes) and not is_local(host):
        name = host.decode(errors="replace") if isinstance(host, bytes) else host
        raise OSError(errno.ENETUNREACH, f"the tests have no way out, not to {name}")


def is_local(host: str | bytes) -> bool:
    """Whether a host is this machine: a name of it, or an address of the loopback."""
    if host in LOCAL:
        return True
    try:
        address = ip_address(host.decode() if isinstance(host, bytes) else host)
    except ValueError:  # some other name
        return False
    return address.is_loopback or address.is_unspecified


sys.addaudithook(refuse)
