"""The README's verifier in Python: python3 test/python/readme_verify.py NODE

Starts a server on the embedded database, registers somebody, and runs the README's snippet on the
token as it stands there. Exits with 0 when it shows the claims and refuses a forged token, with 1
otherwise, and with 69 when python3-jwt is not installed.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

try:
    import cryptography  # noqa: F401
    import jwt  # noqa: F401
except ImportError:
    print("not run: python3-jwt with python3-cryptography is not installed")
    sys.exit(69)

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
NODE = os.path.abspath(sys.argv[1])

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    PORT = probe.getsockname()[1]


def call(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", data, headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def wait_until_ready(seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            return call("/readyz")
        except OSError:
            if time.monotonic() > end:
                sys.exit("waited in vain")
            time.sleep(0.05)


def snippet():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as readme:
        found = re.search(r"cat > verify\.py <<'EOF'\n(.*?)^EOF$", readme.read(), re.S | re.M)
    return found.group(1).replace("localhost:3000", f"localhost:{PORT}")


def verify(token):
    command = [sys.executable, "-c", snippet(), token]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def main():
    with tempfile.TemporaryDirectory(prefix="keyturn-python-") as directory:
        environment = {
            "PATH": os.environ["PATH"],
            "PORT": str(PORT),
            "ADMIN_PORT": "0",
            "DATA_DIR": directory + "/data",
            "KEYS_DIR": directory + "/keys",
            "LOG_LEVEL": "error",
        }
        server = subprocess.Popen(
            [NODE, os.path.join(ROOT, "src/main.ts"), "serve"],
            env=environment,
            cwd=directory,
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_until_ready()
            person = {"email": "ada@example.com", "password": "correct horse battery staple"}
            token = call("/api/auth/register", {**person, "name": "Ada"})["access_token"]
            good, forged = verify(token), verify(token[:-8] + "AAAAAAAA")
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
    assert good.returncode == 0 and "'email': 'ada@example.com'" in good.stdout, good
    assert forged.returncode != 0 and "InvalidSignatureError" in forged.stderr, forged
    print("the README's verifier in Python works")


main()
