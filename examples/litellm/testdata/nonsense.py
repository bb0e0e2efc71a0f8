"""Calls every hook of the callback with nonsense, and cleans texts: the test beside it looks at what is printed."""

import asyncio
import json

import signalbox_callback

hooks = signalbox_callback.signalbox
nonsense = (None, {}, "x", {"litellm_call_id": 5}, {"litellm_call_id": "a", "metadata": 7, "model": [1], "model_info": "x"})


async def broken():
    yield 1
    raise KeyError("upstream")


async def main():
    for data in nonsense:
        await hooks.async_pre_call_hook(None, None, data, "x")
        await hooks.async_pre_call_deployment_hook(data, None)
        await hooks.async_post_call_failure_deployment_hook(data, ValueError("x"), None)
        await hooks.async_log_success_event(data, None, None, None)
        await hooks.async_log_failure_event(data, None, None, None)
        await hooks.async_post_call_failure_hook(data, RuntimeError("x"), None)
    passed = []
    try:
        async for chunk in hooks.async_post_call_streaming_iterator_hook(None, broken(), None):
            passed.append(chunk)
    except KeyError:
        passed.append("raised")
    texts = (
        "litellm.BadRequestError: 1 validation error\n Input should be a string [type=string_type, input_value={'x': 'my prompt'}]",
        "litellm.APIError: bad request {'messages': [{'role': 'user', 'content': 'my prompt'}]}",
        "Incorrect API key provided: sk-proj-abcdEFGH1234.",
        "Authorization: Bearer abc.def",
        "my words " * 1000,
    )
    print(json.dumps({"passed": passed, "lost": hooks.journal.lost, "texts": [signalbox_callback.clean(t) for t in texts]}))


asyncio.run(main())
