"""Blocks the network in every Python process whose PYTHONPATH names this folder.

Python imports a module of this name at start-up. Loopback and local sockets stay open, because Jupyter talks
to its kernels through them; every other connection or name look-up raises ``OSError``.
"""

import ipaddress
import socket


def _is_local(host):
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse_remote(host):
    if not _is_local(host):
        raise OSError(f"The network is blocked while the course is tested; refused: {host!r}")


def _guard_method(name):
    original = getattr(socket.socket, name)

    def guarded(self, *arguments):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_remote(arguments[-1][0])
        return original(self, *arguments)

    setattr(socket.socket, name, guarded)


def _guard_lookup(name):
    original = getattr(socket, name)

    def guarded(host, *arguments, **options):
        _refuse_remote(host)
        return original(host, *arguments, **options)

    setattr(socket, name, guarded)


for _name in ("connect", "connect_ex", "sendto"):
    _guard_method(_name)
for _name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    _guard_lookup(_name)
