"""CPU per request of a Python client, in microseconds: clients.py NAME URL IN_FLIGHT REQUESTS."""

import asyncio
import json
import os
import resource
import sys

PROMPT = "You are playing a guessing game with many others. " * 17
SCHEMA = {"type": "integer", "minimum": 0, "maximum": 100}
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}}
BODY = {
    "model": "mock",
    "temperature": 1,
    "top_p": 1,
    "max_tokens": 512,
    "seed": 1,
    "response_format": FORMAT,
    "messages": [{"role": "system", "content": PROMPT}, {"role": "user", "content": "Group 1."}],
}


def with_aiohttp(url, in_flight):
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight))

    async def ask():
        async with session.post(f"{url}/chat/completions", json=BODY) as reply:
            return json.loads(await reply.read())["choices"][0]["message"]["content"]

    return ask, session.close


def with_openai(url, in_flight):
    import httpx
    import openai

    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    http = httpx.AsyncClient(limits=limits, trust_env=False)
    client = openai.AsyncOpenAI(base_url=url, api_key="none", http_client=http)

    async def ask():
        reply = await client.chat.completions.create(**BODY)
        return reply.choices[0].message.content

    return ask, client.close


def with_litellm(url, in_flight):
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # Or it looks for prices on the network.
    import litellm

    litellm.suppress_debug_info = True
    body = {**BODY, "model": "openai/mock"}

    async def ask():
        reply = await litellm.acompletion(api_base=url, api_key="none", **body)
        return reply.choices[0].message.content

    async def close():
        pass

    return ask, close


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def main(name, url, in_flight, requests):
    clients = {"aiohttp": with_aiohttp, "openai": with_openai, "litellm": with_litellm}
    ask, close = clients[name](url, in_flight)
    left = iter(range(requests))

    async def work():
        for _ in left:
            assert 0 <= int(await ask()) <= 100

    await ask()
    start = cpu_seconds()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    used = cpu_seconds() - start
    await close()
    print(used / requests * 1e6)


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
