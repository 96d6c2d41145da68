"""Addresses that lead to this machine alone."""

import ipaddress


def is_loopback(host: str) -> bool:
    """`host`: a name or an address; of IPv6 without brackets."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
