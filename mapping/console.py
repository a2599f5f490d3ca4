"""How the console in the browser is reached and who may come in, as an admin writes it under `console`.

Not here: accounts and passwords, which are in the database. Nothing of it means anything for a lead, so it is no part of
what a run goes by. Invariant: an identity provider is asked by https, or on this machine.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, field_validator, model_validator

from mapping.conditions import Model
from mapping.options import Word

Role = Literal["viewer", "operator", "admin"]
LOOPBACK = ("http://127.0.0.1", "http://localhost", "http://[::1]")


class Groups(Model):
    """Which words of the claim give which role. The highest that fits counts, at every log-in anew."""

    admin: tuple[Word, ...] = ()
    """Whoever has one of these may edit the configuration, people and tokens too."""
    operator: tuple[Word, ...] = ()
    """Whoever has one of these may plan, run, answer reviews, write decisions."""
    viewer: tuple[Word, ...] = ()
    """Whoever has one of these may look."""

    def role_of(self, held: frozenset[str]) -> Role | None:
        """None where none of them fits."""
        if held & {*self.admin}:
            return "admin"
        if held & {*self.operator}:
            return "operator"
        return "viewer" if held & {*self.viewer} else None

    @property
    def any(self) -> bool:
        return bool(self.admin or self.operator or self.viewer)


class Oidc(Model):
    issuer: Word
    """The provider's address, without `/.well-known/openid-configuration`."""
    client_id: Word
    """What the provider calls us. Its return address is `<console.url>/sign-in/oidc/back`."""
    client_secret: Word | None = Field(default=None, repr=False)
    """As ${NAME}. None for a public client: PKCE is used in any case."""
    name: Word | None = None
    """What stands on the button; the issuer's host where it is not said."""
    scopes: tuple[Word, ...] = ("openid", "email", "profile")
    """What is asked for; many providers want one more for groups."""
    claim: Word = "groups"
    """The claim, of the ID token or of the user info, that `roles` looks into: a text, or a list of texts."""
    roles: Groups = Groups()
    """Words of the claim by role. Where none is given, people have the role of their account."""
    otherwise: Role | None = None
    """The role of whoever fits none of `roles`; for everybody new, where there are no `roles`. Where it is not said, they
    stay out: only those whom an admin has given an account come in."""
    trust_addresses: bool = False
    """Take an e-mail address that the provider does not call verified. Only where it gives the addresses out itself."""

    @property
    def label(self) -> str:
        """What stands on the button."""
        return self.name or urlsplit(self.issuer).hostname or self.issuer

    @field_validator("issuer")
    @classmethod
    def _by_https(cls, issuer: str) -> str:
        local = any(issuer == one or issuer.startswith((f"{one}:", f"{one}/")) for one in LOOPBACK)
        if not (issuer.startswith("https://") or local):
            raise ValueError("an address that begins with https:// is needed")
        return issuer

    @model_validator(mode="after")
    def _openid(self) -> Oidc:
        if "openid" not in self.scopes:
            raise ValueError("scopes need openid")
        return self


class Console(Model):
    """`console` of `smarketing.yaml`."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+$")] | None = None
    """The address that people open, such as https://sync.example.com, without a path. The one that the browser asks for where
    it is not said; behind a proxy, say it."""
    idle_hours: float = Field(default=12, gt=0, le=24 * 90)
    """A session ends when nothing was asked for so long."""
    session_days: float = Field(default=14, gt=0, le=90)
    """A session ends after so long in any case."""
    open_metrics: bool = False
    """`/metrics` answers without a token. Only where nobody but your Prometheus can reach it."""
    oidc: Oidc | None = None
    """Log-in by an identity provider that speaks OpenID Connect, beside passwords; none where it is not said."""
