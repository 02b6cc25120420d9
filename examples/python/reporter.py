"""Reports usage so that nothing is lost and nothing is charged twice.

An event is written to a file of ours first. A thread sends it, asks the platform what became of it, and forgets it only
then. The broker's own acknowledgement proves nothing: a broker can lose its last seconds. Sending again is harmless,
because the same event_id is charged once.
"""

import json
import sqlite3
import threading
import time

from nats_client import Nats, NatsError

ROUND_S = 0.3
AFTER_PROBLEM_S = 2
AGAIN_AFTER_S = 5  # doubled with each sending, up to an hour
ASKED_MAX = 500  # events that one question may name


class Reporter:
    def __init__(self, url: str, source: str, seed: str, file: str, on_refused=print):
        """Begins to report as `source` what is kept in `file`; `on_refused` hears what can never be charged."""
        self._url, self._source, self._seed = url, source, seed
        self._on_refused = on_refused
        self._lock = threading.Lock()
        self._db = sqlite3.connect(file, check_same_thread=False)
        with self._lock, self._db:
            self._db.execute(
                "create table if not exists kept (user_id text, event_id text, event text not null,"
                " sendings integer not null default 0, due_at real not null default 0, primary key (user_id, event_id))"
            )
        self.problem: Exception | None = None  # why nothing gets through at the moment
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def report(self, event: dict) -> None:
        """Keeps an event, with its user_id and event_id; it is on disk when this returns. Never waits for the network."""
        row = (event["user_id"], event["event_id"], json.dumps(event))
        with self._lock, self._db:
            self._db.execute("insert or ignore into kept (user_id, event_id, event) values (?, ?, ?)", row)

    def unconfirmed(self) -> int:
        return self._rows("select count(*) from kept")[0][0]

    def settle(self, timeout_s: float) -> bool:
        """Waits until everything is confirmed; answers whether it was in time."""
        until = time.monotonic() + timeout_s
        while self.unconfirmed() > 0 and time.monotonic() < until:
            time.sleep(0.05)
        return self.unconfirmed() == 0

    def close(self) -> None:
        """Stops; what is not confirmed stays in the file for the next time."""
        self._closing.set()
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        broker = None
        while not self._closing.wait(ROUND_S):
            try:
                broker = broker or Nats(self._url, self._seed, f"_INBOX_reporter-{self._source}")
                self._send(broker)
                self._confirm(broker)
                self.problem = None
            except (OSError, NatsError) as problem:
                if broker is not None:
                    broker.close()
                broker, self.problem = None, problem  # what is kept is sent again
                self._closing.wait(AFTER_PROBLEM_S)
        if broker is not None:
            broker.close()

    def _send(self, broker: Nats) -> None:
        now = time.time()
        due = self._rows(
            "select user_id, event_id, event, sendings from kept where due_at <= ? order by rowid limit ?", now, ASKED_MAX
        )
        for user_id, event_id, event, sendings in due:
            broker.publish(f"usage.report.{self._source}", json.loads(event))
            due_at = now + min(AGAIN_AFTER_S * 2**sendings, 3600)
            with self._lock, self._db:
                self._db.execute(
                    "update kept set sendings = sendings + 1, due_at = ? where user_id = ? and event_id = ?",
                    (due_at, user_id, event_id),
                )
        broker.flush()

    def _confirm(self, broker: Nats) -> None:
        last = 0  # not the oldest alone: those may be unknown for long
        while asked := self._rows(
            "select rowid, user_id, event_id from kept where sendings > 0 and rowid > ? order by rowid limit ?", last, ASKED_MAX
        ):
            last = asked[-1][0]
            self._confirm_some(broker, [(user_id, event_id) for _, user_id, event_id in asked])

    def _confirm_some(self, broker: Nats, asked: list) -> None:
        events = [{"user_id": user_id, "event_id": event_id} for user_id, event_id in asked]
        answers = broker.request("usage.event.outcomes", {"source": self._source, "events": events})
        for (user_id, event_id), answer in zip(asked, answers):
            if answer["outcome"] == "unknown":
                continue
            if answer["outcome"] != "applied":
                self._on_refused(f"event {event_id} of {user_id} was not charged: {answer['outcome']}")
            with self._lock, self._db:
                self._db.execute("delete from kept where user_id = ? and event_id = ?", (user_id, event_id))

    def _rows(self, sql: str, *values):
        with self._lock:
            return self._db.execute(sql, values).fetchall()
