"""PyJWT's PyJWKClient through rotations: python3 test/python/pyjwt_rotation.py NODE

Starts a server on the embedded database with all times scaled to seconds, rotates by command as
soon as it is safe, and verifies every token until it expires. Exits with 0 when none was refused,
with 1 otherwise, and with 69 when python3-jwt is not installed.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import datetime

try:
    import cryptography  # noqa: F401
    import jwt
except ImportError:
    print("not run: python3-jwt with python3-cryptography is not installed")
    sys.exit(69)

ROTATIONS = 10
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
MAIN = os.path.join(ROOT, "src/main.ts")
NODE = os.path.abspath(sys.argv[1])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


PORT = free_port()
ISSUER = f"http://127.0.0.1:{PORT}"


def call(path, body=None):
    """The status and the JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(ISSUER + path, data, headers)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)
    except urllib.error.URLError:
        return None, {}


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit("waited in vain")
        time.sleep(0.02)


class Rotator:
    """Rotates by commands that are processes, as soon as that is safe."""

    def __init__(self, directory, environment):
        self.place = {"cwd": directory, "env": environment}
        self.process = None
        self.not_before = 0.0
        self.rotations = 0

    def turn(self):
        if self.process is None:
            if time.time() >= self.not_before:
                words = [NODE, MAIN, "keys", "rotate", "--json"]
                self.process = subprocess.Popen(words, stdout=subprocess.PIPE, **self.place)
        elif self.process.poll() is not None:
            answer = json.loads(self.process.stdout.read())
            self.process = None
            if "error" in answer:
                retry_at = answer["error"]["retry_at"].replace("Z", "+00:00")
                self.not_before = datetime.fromisoformat(retry_at).timestamp()
            else:
                assert answer["changed"], answer
                self.rotations += 1


class Verifier:
    """A service that verifies with PyJWT; what it keeps, it keeps for VERIFIER_CACHE_TTL."""

    def __init__(self):
        self.keys = jwt.PyJWKClient(ISSUER + "/.well-known/jwks.json", lifespan=1)
        self.verified = 0
        self.failures = []

    def verify(self, token):
        """Whether to show the token again: not once it has expired."""
        expires_at = jwt.decode(token, options={"verify_signature": False})["exp"]
        if time.time() >= expires_at:
            return False
        try:
            key = self.keys.get_signing_key_from_jwt(token)
            jwt.decode(token, key.key, algorithms=["RS256"], audience=ISSUER, issuer=ISSUER)
            self.verified += 1
        except Exception as error:  # whatever it is, an honest token was refused
            if time.time() < expires_at:
                self.failures.append(repr(error))
        return True


def rotate_under(verifier, rotator):
    person = {"email": "ada@example.com", "password": "correct horse battery staple"}
    status, tokens = 503, {}
    while status == 503:
        status, tokens = call("/api/auth/register", {**person, "name": "Ada"})
    assert status == 201, tokens
    live, kids = [], set()
    while rotator.rotations < ROTATIONS or live:
        if rotator.rotations < ROTATIONS or rotator.process:
            rotator.turn()
            status, answer = call("/api/auth/refresh", {"refresh_token": tokens["refresh_token"]})
            assert status in (200, 503), answer
            if status == 200:
                tokens = answer
                live.append(tokens["access_token"])
                kids.add(jwt.get_unverified_header(tokens["access_token"])["kid"])
        live = [token for token in live if verifier.verify(token)]
        time.sleep(0.05)
    assert len(kids) > ROTATIONS / 2, kids


def main():
    with tempfile.TemporaryDirectory(prefix="keyturn-python-") as directory:
        environment = {
            "PATH": os.environ["PATH"],
            "PORT": str(PORT),
            "ADMIN_PORT": "0",
            "ISSUER_URL": ISSUER,
            "DATA_DIR": directory + "/data",
            "KEYS_DIR": directory + "/keys",
            "ACCESS_TOKEN_TTL": "3s",
            "VERIFIER_CACHE_TTL": "1s",
            "JWKS_CACHE_TTL": "1s",
            "JWKS_MAX_AGE": "0s",
            "CLOCK_SKEW": "0s",
            "KEY_LEASE": "1s",
            "RATE_LIMIT": "off",
            "LOG_LEVEL": "error",
        }
        server = subprocess.Popen(
            [NODE, MAIN, "serve"], env=environment, cwd=directory, stdout=subprocess.DEVNULL
        )
        verifier = Verifier()
        try:
            wait_until(lambda: call("/readyz")[0] == 200)
            rotate_under(verifier, Rotator(directory, environment))
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
    print(
        f"PyJWT {jwt.__version__}: {ROTATIONS} rotations, {verifier.verified} verifications, "
        f"{len(verifier.failures)} refused"
    )
    for failure in verifier.failures[:10]:
        print(failure)
    sys.exit(1 if verifier.failures or verifier.verified < 1000 else 0)


main()
