"""An identity provider on this machine: OpenID Connect as it is written, with signed tokens, for tests.

It checks what a provider has to check (the client's secret, the return address, that a code is used once, PKCE), and answers
with what is set in `person`. `spoil` makes it answer as a broken or hostile one would.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import unquote, urlencode

import uvicorn
from fastapi import FastAPI, Form, Header
from fastapi.responses import JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "smarketing", "s3cr3t:of/the client"
OTHERS_KEY = RSAKey.generate_key(2048, {"kid": "others"})


class Identity:
    """`person`: the claims of whoever signs in. `inside`: those of them that stand in the ID token, the others only in the user
    info. `spoil`: claims that the ID token says otherwise (None leaves one out), or header `alg`, or `key: others`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys = KeySet([RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})])
        self.app = FastAPI()
        self._routes()
        self.reset()

    def reset(self) -> None:
        """As it was at first, but for its keys."""
        self.person: dict[str, Any] = {}
        self.inside = ("email", "email_verified", "name", "groups")
        self.spoil: dict[str, Any] = {}
        self.methods = ["client_secret_basic", "client_secret_post"]
        self.refuse: dict[str, str] = {}
        self.asked: list[str] = []
        self.info_of: str | None = None
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: set[str] = set()

    def rotate(self) -> None:
        self.keys = KeySet([RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig", "alg": "RS256"})])

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url, "sub": self.person["sub"], "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce,
            **{name: value for name, value in self.person.items() if name in self.inside},
        }  # fmt: skip
        spoiled = dict(self.spoil)
        key, alg = self.keys.keys[0], spoiled.pop("alg", "RS256")
        if spoiled.pop("key", "") == "others":
            key = OTHERS_KEY
        claims = {name: value for name, value in {**claims, **spoiled}.items() if value is not None}
        if alg in ("none", "HS256"):
            head = json.dumps({"alg": alg, "kid": key.kid}).encode()
            signed = f"{_base64(head)}.{_base64(json.dumps(claims).encode())}"
            public = key.as_pem(private=False)  # what everybody may know
            mac = hmac.digest(public, signed.encode(), "sha256") if alg == "HS256" else b""
            return f"{signed}.{_base64(mac)}"
        return jwt.encode({"alg": alg, "kid": key.kid}, claims, key)

    def _routes(self) -> None:
        @self.app.get("/.well-known/openid-configuration")
        def about() -> dict[str, Any]:
            self.asked.append("about")
            return {
                "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys", "userinfo_endpoint": f"{self.url}/me", "response_types_supported": ["code"],
                "token_endpoint_auth_methods_supported": self.methods,
            }  # fmt: skip

        @self.app.get("/keys")
        def keys() -> dict[str, Any]:
            self.asked.append("keys")
            return dict(self.keys.as_dict(private=False))

        @self.app.get("/authorize")
        def authorize(
            response_type: str, client_id: str, redirect_uri: str, scope: str, state: str, nonce: str, code_challenge: str,
            code_challenge_method: str,
        ) -> Response:  # fmt: skip
            assert (response_type, client_id, code_challenge_method) == ("code", CLIENT, "S256")
            assert "openid" in scope.split()
            if self.refuse:
                return RedirectResponse(f"{redirect_uri}?{urlencode({**self.refuse, 'state': state})}", 303)
            code = secrets.token_urlsafe()
            self.codes[code] = {"redirect_uri": redirect_uri, "nonce": nonce, "challenge": code_challenge}
            return RedirectResponse(f"{redirect_uri}?{urlencode({'code': code, 'state': state, 'iss': self.url})}", 303)

        @self.app.post("/token")
        def token(
            grant_type: Annotated[str, Form()], code: Annotated[str, Form()], redirect_uri: Annotated[str, Form()],
            code_verifier: Annotated[str, Form()], client_id: Annotated[str, Form()] = "",
            client_secret: Annotated[str, Form()] = "", authorization: Annotated[str, Header()] = "",
        ) -> Response:  # fmt: skip
            if authorization:
                given = base64.b64decode(authorization.removeprefix("Basic ")).decode().split(":")
                client_id, client_secret = map(unquote, given)
                assert "client_secret_basic" in self.methods
            if (client_id, client_secret) != (CLIENT, SECRET):
                return JSONResponse(
                    {"error": "invalid_client", "error_description": f"bad secret {client_secret}"}, 401
                )
            kept = self.codes.pop(code, None)
            good = (
                kept is not None
                and grant_type == "authorization_code"
                and redirect_uri == kept["redirect_uri"]
                and challenge_of(code_verifier) == kept["challenge"]
            )
            if kept is None or not good:
                return JSONResponse({"error": "invalid_grant"}, 400)
            access = secrets.token_urlsafe()
            self.tokens.add(access)
            return JSONResponse(
                {
                    "access_token": access,
                    "token_type": "Bearer",
                    "expires_in": 300,
                    "id_token": self.id_token(kept["nonce"]),
                }
            )

        @self.app.get("/me")
        def me(authorization: Annotated[str, Header()]) -> Response:
            if authorization.removeprefix("Bearer ") not in self.tokens:
                return JSONResponse({"error": "invalid_token"}, 401)
            self.asked.append("me")
            return JSONResponse({**self.person, "sub": self.info_of or self.person["sub"]})


def challenge_of(verifier: str) -> str:
    """RFC 7636, 4.2."""
    return _base64(hashlib.sha256(verifier.encode()).digest())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def running() -> Iterator[Identity]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        identity = Identity(f"http://127.0.0.1:{listening.getsockname()[1]}")
        server = uvicorn.Server(uvicorn.Config(identity.app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield identity
        finally:
            server.should_exit = True
            thread.join()
