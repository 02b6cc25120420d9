"""As much of NATS as a reporter needs, in its text protocol: publish, ask, be answered. One thread at a time.

Where `nats-py` may be installed, use that: examples/README.md has the four lines.
"""

import json
import secrets
import socket
from urllib.parse import urlsplit

from nkey import NKey


class NatsError(Exception):
    pass


class Nats:
    def __init__(self, url: str, seed: str, inbox_prefix: str, timeout_s: float = 5):
        """Connects as the user of a seed. Raises NatsError where the broker does not take him in, OSError where it is away."""
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port or 4222), timeout_s)
        self._reader = self._socket.makefile("rb")
        self._inbox = f"{inbox_prefix}.{secrets.token_hex(8)}"
        self._asked = 0
        info = json.loads(self._line().removeprefix("INFO "))
        key = NKey(seed)
        hello = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "lang": "python-example"}
        hello |= {"version": "1", "protocol": 1, "nkey": key.public_key, "sig": key.sign(info["nonce"].encode())}
        self._send(f"CONNECT {json.dumps(hello)}\r\nSUB {self._inbox}.* 1\r\n".encode())
        self.flush()

    def publish(self, subject: str, body: dict, headers: dict | None = None, reply: str = "") -> None:
        """Hands a message to the broker. That it was stored is not known by that: ask what became of it."""
        data = json.dumps(body).encode()
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = f"NATS/1.0\r\n{lines}\r\n".encode()
        self._send(f"HPUB {subject} {reply} {len(head)} {len(head) + len(data)}\r\n".encode() + head + data + b"\r\n")

    def request(self, subject: str, body: dict):
        """Asks, and answers what was answered. Raises NatsError on a refusal, and TimeoutError where nothing comes."""
        self._asked += 1
        inbox = f"{self._inbox}.{self._asked}"
        self.publish(subject, body, reply=inbox)
        while True:
            to, head, data = self._message()
            if to != inbox:
                continue  # the late answer to an earlier question
            if "503" in head.split("\r\n")[0]:
                raise NatsError(f"nobody answers {subject} at the moment")
            if "Nats-Service-Error-Code" in head:
                raise NatsError(f"{subject} was refused: {data.decode()}")
            return json.loads(data)

    def flush(self) -> None:
        """Settles when the broker has read all that was sent, and raises NatsError if it refused some of it."""
        self._send(b"PING\r\n")
        while self._next() != "PONG":
            pass

    def close(self) -> None:
        self._socket.close()

    def _message(self):
        while True:
            line = self._next()
            if line.startswith(("MSG ", "HMSG ")):
                break
        kind, subject, *rest = line.split(" ")
        total = int(rest[-1])
        payload = self._reader.read(total + 2)[:total]
        head = int(rest[-2]) if kind == "HMSG" else 0
        return subject, payload[:head].decode(), payload[head:]

    def _next(self) -> str:
        """The next line that is for us."""
        while True:
            line = self._line()
            if line == "PING":
                self._send(b"PONG\r\n")
            elif line.startswith("-ERR"):
                raise NatsError(line)
            elif not line.startswith(("INFO ", "+OK")):
                return line

    def _line(self) -> str:
        line = self._reader.readline()
        if not line:
            raise OSError("the broker has closed the connection")
        return line.decode().strip()

    def _send(self, data: bytes) -> None:
        self._socket.sendall(data)
