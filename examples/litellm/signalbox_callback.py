"""Writes what LiteLLM's own logs leave out: one JSON line per attempt and one per client request.

    litellm_settings:
      callbacks: ["signalbox_callback.signalbox"]        # this file lies beside config.yaml

The lines go to the file that SIGNALBOX_LOG names, ./signalbox.jsonl by default. No prompt, no answer and no key
is written. The file may be rotated by renaming or by truncating it. A failure in here never reaches a request:
it is counted, and a later line of kind "lost" tells the count.
"""

import asyncio
import json
import os
import re
import threading
import time
from collections import OrderedDict
from datetime import datetime, timezone

from litellm.integrations.custom_logger import CustomLogger

LONGEST_TEXT = 500  # of an error, in characters
REMEMBERED = 20_000  # requests under way; a forgotten one loses its latency and its number of attempts
LOOK_EVERY = 1.0  # seconds between looks whether the file was renamed

# Where an error's text begins to quote the request, or to tell what LiteLLM tried after it.
QUOTES = re.compile(
    r"\n\nLiteLLM: model group|\.? ?Received Model Group=|\nmodel=| LiteLLM Retried:|\nDebug Information:|\nTraceback"
    r"|(?i:['\"]?(?:messages|content|prompt|input|input_value)['\"]?\s*[:=]\s*['\"\[{])"
)
SECRETS = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|ghp)[-_][\w*.-]{6,}|\bAIza[\w-]{20,}|\bAKIA[A-Z0-9]{12,}|(?i:Bearer)\s+\S+|\beyJ[\w-]+\.[\w-]+\.[\w-]+"
)
PREFIX = re.compile(r"^(?:litellm\.[A-Za-z]+: )+")


class Journal:
    """Appends lines to a file that others may rotate."""

    def __init__(self, path):
        self._path, self._lock = path, threading.Lock()
        self._file, self._inode, self._looked = None, None, 0.0
        self.lost = 0  # lines and hooks that failed

    def write(self, line):
        text = (json.dumps(line, separators=(",", ":"), default=str) + "\n").encode()
        with self._lock:
            if self.lost:
                told, note = self.lost, {"time": stamp(time.time()), "kind": "lost", "count": self.lost}
                text = json.dumps(note, separators=(",", ":")).encode() + b"\n" + text
            else:
                told = 0
            self._append(text)
            self.lost -= told

    def _append(self, text):
        self._follow()
        rest = memoryview(text)
        while rest:
            rest = rest[os.write(self._file, rest) :]

    def _follow(self):
        """Opens the file, again when its name has come to mean another one."""
        now = time.monotonic()
        if self._file is not None and now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        try:
            there = os.stat(self._path)
            named = (there.st_dev, there.st_ino)
        except OSError:
            named = None
        if self._file is not None and named == self._inode:
            return
        try:
            fresh = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        except OSError:
            if self._file is None:
                raise
            return  # rather the renamed file than nothing
        if self._file is not None:
            os.close(self._file)
        opened = os.fstat(fresh)
        self._file, self._inode = fresh, (opened.st_dev, opened.st_ino)


class Call:
    """What is known of one client request while it is under way."""

    __slots__ = ("model", "stream", "endpoint", "caller", "workload", "began", "attempts", "attempt_began", "first", "open", "last", "told")

    def __init__(self):
        self.model = self.endpoint = self.caller = self.workload = self.began = self.attempt_began = self.first = None
        self.stream = self.open = self.told = False  # open: an attempt runs; told: the client's line is written
        self.attempts, self.last = 0, {}  # last: the line of the last attempt


class SignalboxLogger(CustomLogger):
    """The hooks. Each hands over to one method and swallows what goes wrong in it."""

    def __init__(self, path=None):
        super().__init__()
        self.journal = Journal(path or os.environ.get("SIGNALBOX_LOG", "signalbox.jsonl"))
        self.gateway = os.environ.get("SIGNALBOX_GATEWAY", "litellm")
        self.instance = os.environ.get("SIGNALBOX_INSTANCE") or None
        self._calls, self._lock = OrderedDict(), threading.Lock()

    def _safely(self, what, *args):
        try:
            return what(*args)
        except Exception:  # a log must not break what it logs
            self.journal.lost += 1
            return None

    # Hooks of the proxy: what a client asked, and what it got.

    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        self._safely(self._asked, user_api_key_dict, data)

    async def async_post_call_failure_hook(self, request_data, original_exception, user_api_key_dict, traceback_str=None):
        self._safely(self._client_failed, request_data, original_exception, user_api_key_dict)

    async def async_post_call_streaming_iterator_hook(self, user_api_key_dict, response, request_data):
        call = self._safely(self._of, request_data)
        try:
            async for chunk in response:
                if call is not None and call.first is None:
                    call.first = time.monotonic()
                yield chunk
        except (GeneratorExit, asyncio.CancelledError):
            self._safely(self._client_left, request_data, user_api_key_dict)
            raise

    # Hooks of the router and the SDK: what each deployment answered.

    async def async_pre_call_deployment_hook(self, kwargs, call_type):
        self._safely(self._attempt_began, kwargs)

    async def async_post_call_failure_deployment_hook(self, request_data, exception, call_type, fallback_depth=None):
        self._safely(self._attempt_failed, request_data, exception)

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        self._safely(self._succeeded, kwargs, response_obj)

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        self._safely(self._broke, kwargs)

    # What the hooks do.

    def _of(self, data, make=False):
        """The request that a hook's data belong to. LiteLLM's call id ties all hooks of one request."""
        call_id = data.get("litellm_call_id")
        if not isinstance(call_id, str) or not call_id:
            return None
        with self._lock:
            call = self._calls.get(call_id)
            if call is None and make:
                call = self._calls[call_id] = Call()
                while len(self._calls) > REMEMBERED:
                    self._calls.popitem(last=False)
        return call

    def _asked(self, auth, data):
        call = self._of(data, make=True)
        if call is None:
            return
        call.began, call.model, call.stream = time.monotonic(), word(data.get("model")), bool(data.get("stream"))
        describe(call, auth, data)

    def _attempt_began(self, kwargs):
        call = self._of(kwargs, make=True)
        if call is None:
            return
        if call.open and call.first is None:
            return  # one interface translated into another: two hooks for one attempt
        call.attempts += 1
        call.attempt_began, call.open, call.first = time.monotonic(), True, None
        call.stream = call.stream or bool(kwargs.get("stream"))

    def _attempt_failed(self, data, error):
        call = self._of(data, make=True) or Call()
        if call.attempts and not call.open:
            return  # told by the inner of two hooks
        meta = metadata(data)
        info = data.get("model_info") if isinstance(data.get("model_info"), dict) else meta.get("model_info") or {}
        line = self._line("attempt", data, call)
        line.update(
            model=word(meta.get("model_group")), served_model=word(data.get("model")), deployment=word(info.get("id")),
            base_url=base(data.get("api_base")), provider=word(info.get("provider")) or word(getattr(error, "llm_provider", None)),
            region=word(info.get("region")), latency_ms=since(call.attempt_began),
        )
        line.update(failure(error))
        call.open = False
        self._attempt(line, call)

    def _succeeded(self, kwargs, response):
        payload = kwargs.get("standard_logging_object") or {}
        call = self._of(payload) or Call()
        line = self._of_payload(payload, kwargs, call)
        line.update(status=200, tokens_in=payload.get("prompt_tokens"), tokens_out=payload.get("completion_tokens"), finish_reason=finish(response) or ("unknown" if line["stream"] else None))
        line["tokens_cached"] = cached(payload)
        if payload.get("cache_hit") is not True and (call.open or not call.attempts):
            self._attempt(dict(line), call)
        call.open = False
        asked = (kwargs.get("litellm_params") or {}).get("proxy_server_request")
        if call.told or not (asked or call.began):
            return  # nobody asked: a health check, or the SDK without a proxy
        line.update(kind="request", model=call.model or line["model"], latency_ms=since(call.began) or line["latency_ms"])
        if call.model and line.get("fallback_from") is None and word(payload.get("model_group")) not in (None, call.model):
            line["fallback_from"] = call.model
        self._tell(line, call, payload)

    def _broke(self, kwargs):
        """A failure event comes once for a request, for its first failed attempt. Those that failed before an
        answer have their lines already; what is left is an answer that broke off."""
        payload = kwargs.get("standard_logging_object") or {}
        call = self._of(payload)
        if call is None or not call.open or not payload.get("model_id"):
            return
        call.open = False
        error = kwargs.get("exception")
        line = self._of_payload(payload, kwargs, call)
        line.update(failure(error) if isinstance(error, BaseException) else told(payload))
        if call.first is not None:
            line["status"] = 200  # what was sent before it broke
        self._attempt(line, call)

    def _client_failed(self, data, error, auth):
        call = self._of(data) or Call()
        if call.told:
            return
        describe(call, auth, data)
        line = self._line("request", data, call)
        line.update(model=call.model or word(data.get("model")), latency_ms=since(call.began))
        line.update({k: call.last.get(k) for k in ("deployment", "provider", "region", "fallback_from")})
        line.update(failure(error))
        if call.stream and call.first is not None:
            line["status"] = 200
            if call.began is not None:
                line["ttft_ms"] = round((call.first - call.began) * 1000, 1)
        self._tell(line, call, data)

    def _client_left(self, data, auth):
        call = self._of(data)
        if call is None or call.told:
            return
        describe(call, auth, data)
        line = self._line("request", data, call)
        line.update(model=call.model, status=499, latency_ms=since(call.began), error_type="client_disconnected", error_message="client closed the connection before the stream ended")
        self._tell(line, call, data)

    # Lines.

    def _line(self, kind, data, call):
        meta = metadata(data)
        return {
            "time": stamp(time.time()), "kind": kind, "gateway": self.gateway, "instance": self.instance, "request_id": word(data.get("litellm_call_id")),
            "caller": call.caller or word(meta.get("user_api_key_team_alias")) or word(meta.get("user_api_key_alias")),
            "workload": call.workload or workload(meta), "endpoint": call.endpoint or word(meta.get("user_api_key_request_route")),
            "stream": call.stream, "attempt": call.attempts or None,
        }

    def _of_payload(self, payload, kwargs, call):
        params = kwargs.get("litellm_params") or {}
        info = params.get("model_info") if isinstance(params.get("model_info"), dict) else {}
        line = self._line("attempt", payload, call)
        began, ended, first = (payload.get(k) for k in ("startTime", "endTime", "completionStartTime"))
        line.update(
            time=stamp(ended or time.time()), stream=call.stream or bool(payload.get("stream")), model=word(payload.get("model_group")),
            served_model=word(payload.get("model")), deployment=word(payload.get("model_id")), base_url=base(payload.get("api_base")),
            provider=word(info.get("provider")) or word(payload.get("custom_llm_provider")), region=word(info.get("region")),
            latency_ms=between(began, ended),
        )
        if line["stream"] and first and ended and first < ended:
            line["ttft_ms"] = between(began, first)
        return line

    def _attempt(self, line, call):
        if call.model and line.get("model") and line["model"] != call.model:
            line["fallback_from"] = call.model
        call.last = line
        self._write(line)

    def _tell(self, line, call, data):
        call.told = True
        self._write(line)
        with self._lock:
            known = self._calls.pop(data.get("litellm_call_id"), None)
            if known is not None and known.stream:  # a stream's last hooks come after the client's outcome
                self._calls[data["litellm_call_id"]] = known

    def _write(self, line):
        self.journal.write({k: v for k, v in line.items() if v is not None})


def describe(call, auth, data):
    meta = metadata(data)
    call.endpoint = call.endpoint or word(getattr(auth, "request_route", None))
    call.caller = call.caller or word(getattr(auth, "team_alias", None)) or word(getattr(auth, "key_alias", None))
    call.workload = call.workload or workload(meta)


def metadata(data):
    for name in ("metadata", "litellm_metadata"):
        if isinstance(data.get(name), dict):
            return data[name]
    return {}


def workload(meta):
    """The class of work, where the client names it: metadata.workload of the request, or the header x-workload."""
    asked = meta.get("requester_metadata") if isinstance(meta.get("requester_metadata"), dict) else {}
    headers = meta.get("headers") if isinstance(meta.get("headers"), dict) else asked.get("headers") or {}
    return word(meta.get("workload")) or word(asked.get("workload")) or word(headers.get("x-workload"))


def said(error):
    """What an exception says: LiteLLM's proxy wraps its refusals, and the companion its own, into a dictionary."""
    detail = getattr(error, "detail", None)
    if isinstance(detail, dict) and isinstance(detail.get("error"), str):
        return detail["error"]
    return getattr(error, "message", None) or str(error)


def failure(error):
    """What an exception says that a client may hear: status, code, class, text, when to come back."""
    name = type(error).__name__
    status = number(getattr(error, "status_code", None)) or number(getattr(error, "code", None))
    if not status or not 400 <= status <= 599:
        status = 429 if name.startswith("RouterRateLimitError") else 500
    code = word(getattr(error, "code", None))
    out = {
        "status": status, "error_type": name, "error_message": clean(said(error)),
        "error_code": None if code in (None, str(status), "None") else code,
    }
    wait = seconds(header(error, "retry-after")) or seconds(getattr(error, "cooldown_time", None))
    if wait is not None:
        out["retry_after_ms"] = round(wait * 1000)
    return out


def told(payload):
    info = payload.get("error_information") or {}
    return {
        "status": number(info.get("error_code")) or 500, "error_type": word(info.get("error_class")),
        "error_message": clean(info.get("error_message") or payload.get("error_str")),
    }


def header(error, name):
    for source in (getattr(error, "litellm_response_headers", None), getattr(getattr(error, "response", None), "headers", None), getattr(error, "headers", None)):
        try:
            value = source.get(name)
        except Exception:
            continue
        if value is not None:
            return value
    return None


def finish(response):
    for choice in getattr(response, "choices", None) or ():
        return word(getattr(choice, "finish_reason", None))
    return None


def cached(payload):
    usage = (payload.get("metadata") or {}).get("usage_object") or {}
    details = usage.get("prompt_tokens_details") if isinstance(usage.get("prompt_tokens_details"), dict) else {}
    return number(details.get("cached_tokens")) or number(usage.get("cache_read_input_tokens"))


def clean(text):
    """An error's text without what it quotes of the request, and without keys."""
    text = PREFIX.sub("", str(text or ""))[: 8 * LONGEST_TEXT]
    quote = QUOTES.search(text)
    if quote:
        text = text[: quote.start()]
    return SECRETS.sub("[key]", text)[:LONGEST_TEXT].strip() or None


def base(url):
    """A base URL without user, query and fragment."""
    text = word(url)
    if text is None:
        return None
    text = re.split(r"[?#]", text, maxsplit=1)[0]
    return re.sub(r"//[^/@]*@", "//", text)


def word(value):
    if not isinstance(value, str) or not value or value == "None":
        return None
    return value[:200]


def number(value):
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def seconds(value):
    try:
        wait = float(value)
    except (TypeError, ValueError):
        return None
    return wait if 0 <= wait < 86_400 else None


def since(began):
    return None if began is None else round((time.monotonic() - began) * 1000, 1)


def between(began, ended):
    if not isinstance(began, (int, float)) or not isinstance(ended, (int, float)) or ended < began:
        return None
    return round((ended - began) * 1000, 1)


def stamp(at):
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


signalbox = SignalboxLogger()
