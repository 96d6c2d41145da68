"""Unused TCP ports of 127.0.0.1."""

import socket


def free_ports(count: int) -> list[int]:
    taken = [socket.socket() for _ in range(count)]
    for each in taken:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports


def unused_port() -> int:
    [port] = free_ports(1)
    return port
