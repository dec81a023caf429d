"""Which hosts and addresses outgoing requests may reach: the guard against server-side request forgery."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from extremeearth.core.errors import AddressRefusedError

__all__ = ["Target", "check_address", "read_target"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
LONGEST_HOST = 253
LONGEST_URL = 8_192

_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_METADATA = frozenset(
    ipaddress.ip_address(text)
    # AWS, GCP, OpenStack; ECS tasks; Azure; Alibaba; Oracle; AWS over IPv6
    for text in ("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)  # fmt: skip


def _refuse(what: str, why: str) -> AddressRefusedError:
    return AddressRefusedError(
        f"{what} must not be contacted: {why}.",
        hint="An administrator can allow a host: EXTREMEEARTH_ALLOW_HOSTS='[\"the.host\"]'.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL that passed the check of its spelling.

    Attributes
    ----------
    scheme, host, port
        Lower-case scheme, host as a name or a canonical address without brackets, port with its default filled in.
    rest
        Path and query, as sent.
    allowed
        Whether the host is on the list of allowed ones.
    """

    scheme: str
    host: str
    port: int
    rest: str
    allowed: bool

    @property
    def origin(self) -> tuple[str, str, int]:
        """What must stay the same for credentials to be sent on."""
        return (self.scheme, self.host, self.port)

    @property
    def authority(self) -> str:
        """Value of the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"

    def at(self, address: str) -> str:
        """Give the URL that leads to one address of the host."""
        host = f"[{address}]" if ":" in address else address
        return f"{self.scheme}://{host}:{self.port}{self.rest}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def read_target(url: str, *, allow_hosts: Iterable[str] = ()) -> Target:
    """Read a URL strictly: https (http for allowed hosts), no user, no odd spelling of an address.

    Parameters
    ----------
    url
        Absolute URL.
    allow_hosts
        ``name`` or ``name:port`` of hosts that may be private or plain http.

    Raises
    ------
    AddressRefusedError
        Another scheme, credentials in the URL, or a host in decimal, octal, hexadecimal or short form.

    Examples
    --------
    >>> read_target("https://example.org/sparql?x=1").port
    443
    >>> read_target("https://2130706433/")
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.AddressRefusedError: The host '2130706433' must not be contacted: ...
    """
    if len(url) > LONGEST_URL or _UNSAFE.search(url) or not url.isascii():
        raise _refuse("The URL", "it is too long or holds characters that no URL has")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as err:
        raise _refuse("The URL", "it cannot be read") from err
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https"):
        raise _refuse(f"A URL with the scheme '{scheme[:20]}'", "only https is allowed")
    if "@" in parts.netloc:
        raise _refuse("The URL", "it holds a user name or password")
    host = _checked_host(parts)
    number = port if port is not None else (443 if scheme == "https" else 80)
    if number == 0:
        raise _refuse("The URL", "port 0 is no port")
    names = {entry.lower().strip("[]") for entry in allow_hosts}
    bracketed = f"[{host}]" if ":" in host else host
    allowed = bool(
        names & {host, f"{host}:{number}"}
        or f"{bracketed}:{number}" in {e.lower() for e in allow_hosts}
    )
    if scheme == "http" and not allowed:
        raise _refuse(f"The host '{host}'", "plain http is allowed only for hosts on the list")
    rest = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(scheme=scheme, host=host, port=number, rest=rest, allowed=allowed)


def _checked_host(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    what = f"The host '{host[:80]}'"
    if ":" in host or parts.netloc.startswith("["):
        try:
            return ipaddress.IPv6Address(host).compressed if "%" not in host else _no_zone(what)
        except ValueError as err:
            raise _refuse(what, "it is no IPv6 address") from err
    labels = host.split(".")
    if not host or len(host) > LONGEST_HOST or not all(_LABEL.match(label) for label in labels):
        raise _refuse(what, "it is no host name")
    if _NUMERIC.match(labels[-1]):
        try:
            address = ipaddress.IPv4Address(host)
        except ValueError as err:
            raise _refuse(what, "an address is written as four decimal numbers") from err
        if str(address) != host:
            raise _refuse(what, "an address is written as four decimal numbers")
    return host


def _no_zone(what: str) -> str:
    raise _refuse(what, "a zone is not allowed in an address")


def _embedded(address: Address) -> Iterator[Address]:
    """Give the IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address in network for network in _NAT64) or address in _COMPATIBLE:
        yield low


def check_address(text: str, *, allowed: bool = False) -> None:
    """Refuse an address that is not public.

    Parameters
    ----------
    text
        Address in its usual form, from the resolver.
    allowed
        Whether the host is on the list: then loopback and private addresses pass, but link-local, metadata,
        multicast and unspecified ones never do.

    Raises
    ------
    AddressRefusedError
        The address, or the IPv4 address inside it, must not be contacted.

    Examples
    --------
    >>> check_address("93.184.216.34")
    >>> check_address("127.0.0.1", allowed=True)
    >>> check_address("64:ff9b::7f00:1")
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.AddressRefusedError: The address 127.0.0.1 must not be contacted: it is not public. ...
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError as err:
        raise _refuse(f"The address '{text[:80]}'", "it cannot be read") from err
    inner = list(_embedded(address))
    for one in inner:
        check_address(str(one), allowed=allowed)
    what = f"The address {address}"
    if address in _METADATA:
        raise _refuse(what, "it is a metadata service")
    if address.is_multicast or address.is_unspecified or address.is_link_local:
        raise _refuse(what, "it is multicast, link-local or unspecified")
    if allowed or inner:
        # What is embedded was checked; the shell of a mapped or translated address is never global itself.
        return
    if not address.is_global or address.is_reserved or address.is_private:
        raise _refuse(what, "it is not public")
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        raise _refuse(what, "it is not public")
