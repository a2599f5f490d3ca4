"""How long somebody has to wait before they may try to sign in again.

Counted in the database, so that every process of the console counts the same failures: those of an address from one client,
of an address from anywhere, and from a client whatever the address. Where an address has come in from a client before, only the
first of these counts: whoever hammers at it, or sits beside its owner, cannot keep the owner out. Whether an address has an
account makes no difference. https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html
"""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from fastapi import Request

from state.audit import Audit, Failures

FREE_PAIR, FREE_ADDRESS, FREE_CLIENT = 5, 20, 40
"""Failures before there is a wait, of an address from one client, of an address, from a client."""

FIRST, LONGEST = timedelta(seconds=10), timedelta(minutes=15)
"""The first wait; each failure more doubles it, up to the longest."""

COUNTED, KNOWN = timedelta(hours=1), timedelta(days=30)
"""How far back failures count, and how long a client is known from which an address came in."""


def client_of(request: Request) -> str:
    """Where a request came from. Of IPv6 the network: one machine has as many addresses there as it likes."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
    return str(address)


def wait(audit: Audit, who: str, client: str, now: datetime) -> timedelta:
    """Until when `who` (an address as it is stored) may not try from `client`; zero where they may."""
    since = now - COUNTED
    known = audit.came_in(who, client, now - KNOWN)
    pair = audit.failures(max(since, known) if known else since, who=who, client=client)
    waits = [_left(pair, FREE_PAIR, now)]
    if not known:
        waits.append(_left(audit.failures(since, who=who), FREE_ADDRESS, now))
        waits.append(_left(audit.failures(since, client=client), FREE_CLIENT, now))
    return max(waits)


def _left(failures: Failures, free: int, now: datetime) -> timedelta:
    over = failures.count - free
    if over < 0 or failures.last is None:
        return timedelta()
    span = min(FIRST * (1 << min(over, 20)), LONGEST)
    return max(failures.last + span - now, timedelta())
