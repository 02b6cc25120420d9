"""Reports one use of a model and waits until the platform has charged it.

    python3 examples/python/report.py nats://127.0.0.1:29050 .tollbooth/broker/reporter-chat.nk --user alice --id chat-9
"""

import argparse
import sys
from pathlib import Path

from reporter import Reporter

parser = argparse.ArgumentParser()
parser.add_argument("broker", help="the address that npm start prints")
parser.add_argument("seed", type=Path, help="the file with the reporter's seed")
parser.add_argument("--source", default="chat", help="what the seed may report as")
parser.add_argument("--user", default="alice")
parser.add_argument("--id", required=True, help="the event's own id: the same id is charged once")
parser.add_argument("--wait", type=float, default=20, help="seconds until it is left for the next time")
parser.add_argument("--kept", default="unconfirmed.sqlite", help="file of what is not confirmed yet")
options = parser.parse_args()

reporter = Reporter(options.broker, options.source, options.seed.read_text(), options.kept)
reporter.report(
    {
        "user_id": options.user,
        "event_id": options.id,
        "service": "openrouter",
        "model": "openai/gpt-4o-mini",
        "input_tokens": 1200,
        "output_tokens": 300,
    }
)
is_settled = reporter.settle(options.wait)
reporter.close()
print("confirmed" if is_settled else f"not confirmed yet ({reporter.problem}); it waits in {options.kept}")
sys.exit(0 if is_settled else 1)
