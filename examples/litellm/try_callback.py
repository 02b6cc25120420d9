"""Tries the callback without asking any provider: through LiteLLM with a made-up answer, where it is installed, else with
what LiteLLM would hand over.

    python3 examples/litellm/try_callback.py nats://127.0.0.1:29050 .tollbooth/broker/reporter-chat.nk alice
"""

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).parent.parent / "python"))
from reporter import Reporter
from tollbooth_callback import TollboothCallback

try:
    import litellm
except ImportError:
    litellm = None

MODEL = "openai/gpt-4o-mini"


async def through_litellm(callback, user):
    litellm.callbacks = [callback]
    messages = [{"role": "user", "content": "Hello"}]
    await litellm.acompletion(model=MODEL, messages=messages, mock_response="Good morning!", user=user)


async def by_hand(callback, user):
    usage = SimpleNamespace(prompt_tokens=1200, completion_tokens=300, prompt_tokens_details=None)
    told = {"model": "gpt-4o-mini", "litellm_call_id": str(uuid4()), "user": user}
    told |= {"litellm_params": {"custom_llm_provider": "openai"}, "response_cost": 0.00036}
    now = datetime.now().astimezone()
    await callback.async_log_success_event(told, SimpleNamespace(usage=usage), now, now)


async def main(url: str, seed: str, user: str, kept: str) -> int:
    reporter = Reporter(url, "chat", Path(seed).read_text(), kept)
    await (by_hand if litellm is None else through_litellm)(TollboothCallback(reporter), user)
    for _ in range(100):  # LiteLLM calls back after it has answered
        if reporter.unconfirmed() > 0:
            break
        await asyncio.sleep(0.05)
    is_settled = await asyncio.to_thread(reporter.settle, 20)
    reporter.close()
    how = "without LiteLLM, which is not installed" if litellm is None else "through LiteLLM"
    print(f"{'confirmed' if is_settled else 'not confirmed'}, tried {how}")
    return 0 if is_settled else 1


url, seed, user, *more = sys.argv[1:]
sys.exit(asyncio.run(main(url, seed, user, *(more or ["unconfirmed.sqlite"]))))
