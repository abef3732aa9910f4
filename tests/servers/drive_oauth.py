"""The OAuth side of tests/servers/drive_emulator.py: clients, accounts, and every way to get an access token that Google documents."""
import base64
import hashlib
import json
import secrets
import threading
import time
import urllib.parse

FILE_SCOPE = "https://www.googleapis.com/auth/drive.file"
FULL_SCOPE = "https://www.googleapis.com/auth/drive"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Refused(Exception):
    def __init__(self, error, description, status=400):
        super().__init__(error)
        self.error, self.description, self.status = error, description, status


class Grant:
    """What an access token may do: for which account, through which client, how widely."""

    def __init__(self, account, client, scope, expires):
        self.account, self.client, self.scope, self.expires = account, client, scope, expires


def unpadded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def padded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Oauth:
    def __init__(self, lifetime=3600):
        self.lock = threading.RLock()
        self.lifetime = lifetime
        self.clients = {}  # id: {"secret", "kind": "tv" or "desktop" or "web"}
        self.refresh_tokens = {}  # token: (account, client, scope)
        self.access_tokens = {}  # token: Grant
        self.codes = {}  # authorization code: what was agreed on
        self.devices = {}  # device code: its state
        self.service_accounts = {}  # email: (public key, account)
        self.person = None  # whose account the person at the browser or the device page uses

    def add_client(self, kind):
        with self.lock:
            identity = f"{secrets.randbelow(10**12):012d}-{secrets.token_hex(8)}.apps.example.test"
            self.clients[identity] = {"secret": "GOCSPX-" + secrets.token_urlsafe(18), "kind": kind}
            return identity

    def add_refresh_token(self, account, client, scope=FILE_SCOPE):
        with self.lock:
            token = "1//" + secrets.token_urlsafe(40)
            self.refresh_tokens[token] = (account, client, scope)
            return token

    def add_service_account(self, account, root):
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        email = f"robot-{secrets.token_hex(4)}@project.example.test"
        with self.lock:
            self.service_accounts[email] = (key.public_key(), account)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
        return {"type": "service_account", "project_id": "project", "private_key_id": secrets.token_hex(20), "private_key": pem, "client_email": email,
                "client_id": str(secrets.randbelow(10**21)), "token_uri": root + "/token"}

    def grant_of(self, header):
        """The Grant of an Authorization header, or None."""
        kind, _, token = (header or "").partition(" ")
        with self.lock:
            grant = self.access_tokens.get(token) if kind == "Bearer" else None
            return grant if grant and grant.expires > time.monotonic() else None

    def expire_all(self):
        with self.lock:
            self.access_tokens.clear()

    def revoke(self, refresh_token):
        with self.lock:
            self.refresh_tokens.pop(refresh_token, None)

    # POST /token

    def token(self, form):
        with self.lock:
            grants = {"refresh_token": self._refresh, "authorization_code": self._code, DEVICE_GRANT: self._device, JWT_GRANT: self._jwt}
            if form.get("grant_type") not in grants:
                raise Refused("unsupported_grant_type", "Invalid grant_type: " + form.get("grant_type", ""))
            return grants[form["grant_type"]](form)

    def _client(self, form):
        client = self.clients.get(form.get("client_id", ""))
        if client is None:
            raise Refused("invalid_client", "The OAuth client was not found.", 401)
        if form.get("client_secret") != client["secret"]:
            raise Refused("invalid_client", "The provided client secret is invalid.", 401)
        return form["client_id"]

    def _access(self, account, client, scope, refresh=False):
        token = "ya29." + secrets.token_urlsafe(60)
        self.access_tokens[token] = Grant(account, client, scope, time.monotonic() + self.lifetime)
        answer = {"access_token": token, "expires_in": self.lifetime, "scope": scope, "token_type": "Bearer"}
        if refresh:
            answer["refresh_token"] = self.add_refresh_token(account, client, scope)
        return answer

    def _refresh(self, form):
        client = self._client(form)
        account, owner, scope = self.refresh_tokens.get(form.get("refresh_token", ""), (None, None, None))
        if owner is None:
            raise Refused("invalid_grant", "Token has been expired or revoked.")
        if owner != client:
            raise Refused("unauthorized_client", "Unauthorized", 401)
        return self._access(account, client, scope)

    def _code(self, form):
        client = self._client(form)
        agreed = self.codes.pop(form.get("code", ""), None)
        if agreed is None or agreed["client_id"] != client:
            raise Refused("invalid_grant", "Malformed auth code.")
        if form.get("redirect_uri") != agreed["redirect_uri"]:
            raise Refused("redirect_uri_mismatch", "Bad Request")
        verifier = form.get("code_verifier", "")
        if not 43 <= len(verifier) <= 128 or unpadded(hashlib.sha256(verifier.encode()).digest()) != agreed["code_challenge"]:
            raise Refused("invalid_grant", "Invalid code verifier.")
        return self._access(self.person, client, agreed["scope"], refresh=True)

    def _device(self, form):
        client = self._client(form)
        device = self.devices.get(form.get("device_code", ""))
        if device is None or device["client_id"] != client:
            raise Refused("invalid_grant", "Malformed device code.")
        now = time.monotonic()
        too_soon = device["asked"] is not None and now - device["asked"] < device["interval"] * 0.9
        device["asked"] = now
        if too_soon:
            raise Refused("slow_down", "Polling too frequently", 403)
        if device["state"] == "pending":
            raise Refused("authorization_pending", "Precondition Required", 428)
        if device["state"] == "denied":
            raise Refused("access_denied", "Forbidden", 403)
        if device["state"] == "expired":
            raise Refused("expired_token", "Bad Request")
        del self.devices[form["device_code"]]
        return self._access(self.person, client, device["scope"], refresh=True)

    def _jwt(self, form):
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding
        parts = form.get("assertion", "").split(".")
        try:
            head, claims = json.loads(padded(parts[0])), json.loads(padded(parts[1]))
            signature = padded(parts[2])
        except (ValueError, IndexError):
            raise Refused("invalid_grant", "Invalid JWT: malformed")
        if head.get("alg") != "RS256" or head.get("typ") != "JWT":
            raise Refused("invalid_grant", "Invalid JWT: algorithm")
        if claims.get("iss") not in self.service_accounts:
            raise Refused("invalid_grant", "Invalid grant: account not found")
        key, account = self.service_accounts[claims["iss"]]
        try:
            key.verify(signature, (parts[0] + "." + parts[1]).encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise Refused("invalid_grant", "Invalid JWT Signature.")
        now = time.time()
        if not claims.get("iat", 0) <= now + 60 <= claims.get("exp", 0) + 60 or claims["exp"] - claims["iat"] > 3600:
            raise Refused("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.")
        if not str(claims.get("aud", "")).endswith("/token"):
            raise Refused("invalid_grant", "Invalid JWT: Failed audience check.")
        if not set(claims.get("scope", "").split()) <= {FILE_SCOPE, FULL_SCOPE} or not claims.get("scope"):
            raise Refused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        return self._access(account, claims["iss"], claims["scope"])

    # The other addresses

    def device_code(self, form, root):
        with self.lock:
            client = self.clients.get(form.get("client_id", ""))
            if client is None:
                raise Refused("invalid_client", "The OAuth client was not found.", 401)
            if client["kind"] != "tv":
                raise Refused("invalid_client", "Invalid client type.", 401)
            if form.get("scope") != FILE_SCOPE:  # the list of scopes that devices may ask for is short
                raise Refused("invalid_scope", "Invalid device flow scope: " + form.get("scope", ""))
            code = "AH-" + secrets.token_urlsafe(40)
            alphabet = "BCDFGHJKLMNPQRSTVWXZ"
            user_code = "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(2))
            self.devices[code] = {"client_id": form["client_id"], "scope": form["scope"], "user_code": user_code, "state": "pending", "interval": 1, "asked": None}
            return {"device_code": code, "user_code": user_code, "verification_url": root + "/device", "expires_in": 1800, "interval": 1}

    def decide(self, user_code, state):
        """The person at the device page types the code, and agrees, refuses or lets it expire."""
        with self.lock:
            found = [device for device in self.devices.values() if device["user_code"] == user_code]
            for device in found:
                device["state"] = state
            return bool(found)

    def authorize(self, query):
        """GET /auth: the person has logged in and agreed. The address that the browser is sent to."""
        with self.lock:
            client = self.clients.get(query.get("client_id", ""))
            redirect = urllib.parse.urlsplit(query.get("redirect_uri", ""))
            if client is None:
                raise Refused("invalid_client", "The OAuth client was not found.", 401)
            if client["kind"] != "desktop" or redirect.scheme != "http" or redirect.hostname not in ("127.0.0.1", "localhost", "::1"):
                raise Refused("redirect_uri_mismatch", "the redirect is not one that this client may ask for")
            if query.get("response_type") != "code" or not query.get("scope") or query.get("code_challenge_method") != "S256" or len(query.get("code_challenge", "")) != 43:
                raise Refused("invalid_request", "Missing or wrong parameter")
            if not set(query["scope"].split()) <= {FILE_SCOPE, FULL_SCOPE}:
                raise Refused("invalid_scope", "Some requested scopes were invalid.")
            code = "4/" + secrets.token_urlsafe(40)
            self.codes[code] = {name: query[name] for name in ("client_id", "redirect_uri", "code_challenge", "scope")}
            answer = {"code": code, "scope": query["scope"]}
            if "state" in query:
                answer["state"] = query["state"]
            return query["redirect_uri"] + "?" + urllib.parse.urlencode(answer)
