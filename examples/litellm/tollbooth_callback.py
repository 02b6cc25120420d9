"""A LiteLLM callback that reports every successful request to Tollbooth.

The request never waits for the platform: the event is written to a local file, off the event loop, and a thread reports
it until the platform has confirmed it. Tollbooth charges by that; do not deduct anything beside it.

    litellm.callbacks = [TollboothCallback(Reporter(url, source, seed, "unconfirmed.sqlite"))]
"""

import asyncio
from datetime import timezone
from decimal import Decimal

try:
    from litellm.integrations.custom_logger import CustomLogger
except ImportError:  # so that the file can be tried where LiteLLM is not installed
    CustomLogger = object


class TollboothCallback(CustomLogger):
    def __init__(self, reporter):
        super().__init__()
        self._reporter = reporter

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        event = to_event(kwargs, response_obj, end_time)
        if event is not None:
            await asyncio.to_thread(self._reporter.report, event)


def to_event(kwargs: dict, response, end_time) -> dict | None:
    """What is reported of a request; nothing where nobody is named who pays for it, or nothing was used."""
    params = kwargs.get("litellm_params") or {}
    metadata = params.get("metadata") or {}
    # Who holds the key comes first: the other two are what the client says, and it could name anybody.
    user = metadata.get("user_api_key_user_id") or metadata.get("user_api_key_end_user_id") or kwargs.get("user")
    usage = getattr(response, "usage", None)
    if not user or usage is None:
        return None
    provider = params.get("custom_llm_provider") or kwargs.get("custom_llm_provider") or "litellm"
    details = getattr(usage, "prompt_tokens_details", None)
    event = {
        "user_id": user,
        # The same for each try to log it, and another for each request.
        "event_id": kwargs["litellm_call_id"],
        "service": provider,
        "model": kwargs["model"].removeprefix(f"{provider}/"),
        "input_tokens": usage.prompt_tokens or 0,
        "output_tokens": usage.completion_tokens or 0,
        "cached_tokens": getattr(details, "cached_tokens", None) or 0,
        "occurred_at": end_time.astimezone(timezone.utc).isoformat().replace("+00:00", "Z"),
    }
    cost = kwargs.get("response_cost")
    # Without the provider's bill the platform's own price list is used.
    return event if cost is None else event | {"provider_cost": f"{Decimal(str(cost)):.12f}"}
