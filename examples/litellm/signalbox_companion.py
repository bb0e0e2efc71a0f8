"""Levers for a LiteLLM proxy without a database: load this file as a callback, and the proxy serves the control contract of
Signalbox under /signalbox/controls, behind its master key.

    litellm_settings:
      callbacks: ["signalbox_companion.control"]   # signalbox_companion.py lies beside config.yaml

Every lever has a deadline that this file holds: when it has passed, the proxy does what its configuration says, whoever set the
lever and whatever became of them. What is set is kept in one file that all workers of a host share. A request never fails by a
fault in here: with a file that cannot be read there are no levers, and GET /signalbox/controls says so.

    SIGNALBOX_CONTROLS        the file, signalbox_controls.json in the working folder by default; one for each proxy of a host
    SIGNALBOX_CONTROL_TOKEN   a token for these routes alone, so that an operator need not hold the master key
    SIGNALBOX_GATEWAY         the gateway's name, litellm by default
    SIGNALBOX_INSTANCE        which replica this is, the host's name by default
    SIGNALBOX_WORKLOADS       the classes of work that can be paused, "interactive,batch" by default
"""

import asyncio
import fcntl
import hashlib
import json
import math
import os
import random
import re
import secrets
import socket
import struct
import tempfile
import threading
import time
import weakref
from datetime import datetime, timezone

import litellm
from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse
from litellm._logging import verbose_proxy_logger
from litellm.integrations.custom_logger import CustomLogger

PREFIX = "/signalbox"
NO_CAP = 10_000  # the base of a cap: as much as LiteLLM lets through by itself
LONGEST_TTL = 24 * 3600
MOST_TOGGLES, TOGGLE_WINDOW = 20, 60.0
KEPT_EVENTS, KEPT_KEYS, KEY_AGE = 1000, 2000, 25 * 3600
LONGEST_BODY, LONGEST_NOTE = 64 << 10, 300
SLOT_WAIT = 2.0  # seconds that a request waits for a slot which another took first
SLOT_LEASE = 900.0  # after so many seconds a slot is free again, whatever became of its request
NAME = re.compile(r"[!#-\[\]-~]{1,200}")
SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|us|ns|h|m|s)")
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


class Refused(Exception):
    """A change that is not made."""

    def __init__(self, status, code, message, **more):
        super().__init__(message)
        self.status, self.code, self.message, self.more = status, code, message, more


# The state file.


class Store:
    """What is set, in a file: changed under a lock and replaced whole, so that a reader never sees half of it."""

    def __init__(self, path):
        self.path = os.path.abspath(path)
        self._seen, self._data, self._trouble, self._mutex = None, {}, None, threading.Lock()

    def peek(self):
        """What is set, for a request: without a lock, read again only when the file was replaced."""
        try:
            at = os.stat(self.path)
            seen = (at.st_ino, at.st_mtime_ns, at.st_size)
        except FileNotFoundError:
            seen = None
        except OSError as error:
            return self._broken(error)
        if seen != self._seen:
            with self._mutex:
                try:
                    data = self._load()
                except (OSError, ValueError) as error:
                    return self._broken(error, seen)
                self._data, self._seen, self._trouble = data, seen, None
        return self._data

    def _broken(self, error, seen=None):
        if self._trouble is None:
            verbose_proxy_logger.error("signalbox: no levers: %s cannot be read: %s", self.path, type(error).__name__)
        self._data, self._seen, self._trouble = {}, seen, error
        return self._data

    def _load(self):
        try:
            with open(self.path, encoding="utf-8") as f:
                data = json.load(f)
        except FileNotFoundError:
            return {}
        if not isinstance(data, dict) or not all(isinstance(data.get(k, {}), dict) for k in ("controls", "keys")):
            raise ValueError("not a state file")
        return data

    def change(self, do):
        """Runs do(data) alone on this host and keeps what it made of data; with False from do nothing is written."""
        lock = os.open(self.path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                data = self._load()
            except (OSError, ValueError):
                raise Refused(503, "state_unreadable", f"no levers: {os.path.basename(self.path)} cannot be read; look at it, or take it away") from None
            data.setdefault("epoch", secrets.token_hex(4))
            for name, empty in (("count", 0), ("seq", 0), ("controls", {}), ("keys", {}), ("events", []), ("toggles", {})):
                data.setdefault(name, empty)
            write, answer = do(data)
            if write:
                self._replace(data)
            return answer
        finally:
            os.close(lock)

    def _replace(self, data):
        fd, name = tempfile.mkstemp(prefix=".signalbox-", dir=os.path.dirname(self.path))
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as f:
                json.dump(data, f, separators=(",", ":"))
                f.flush()
                os.fsync(f.fileno())
            os.replace(name, self.path)
        except BaseException:
            try:
                os.unlink(name)
            except OSError:
                pass
            raise


# Slots: how a cap is counted over all workers of a host.


class Slots:
    """A slot is a locked byte of a file. The kernel gives it back when its holder lets go of the file, or dies."""

    def __init__(self, path):
        self.path = path
        self._held, self._mutex = {}, threading.Lock()

    def _file(self, deployment):
        return self.path + ".slots-" + hashlib.sha256(deployment.encode()).hexdigest()[:16]

    def _take(self, deployment, limit):
        fd = os.open(self._file(deployment), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        start = random.randrange(limit)
        for n in range(limit):
            try:
                fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _byte_lock((start + n) % limit))
                return fd
            except OSError:
                continue
        os.close(fd)
        return None

    def free(self, deployment, limit):
        fd = self._take(deployment, limit)
        if fd is None:
            return False
        os.close(fd)
        return True

    def take(self, call, deployment, limit):
        """Holds a slot for a call; a call holds one at a time."""
        self.release(call)
        fd = self._take(deployment, limit)
        if fd is None:
            return False
        with self._mutex:
            self._held[call] = (fd, time.monotonic() + SLOT_LEASE)
            late = [c for c, (_, end) in self._held.items() if end < time.monotonic()]
        for c in late:
            self.release(c)
        return True

    def of(self, call):
        with self._mutex:
            return self._held.get(call)

    def release(self, call, only=None):
        """Gives a call's slot back; with only, just that one, because another attempt of the call may hold one by now."""
        with self._mutex:
            held = self._held.get(call)
            if held is None or only is not None and held is not only:
                return
            del self._held[call]
        os.close(held[0])


def _byte_lock(n):
    return struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, n, 1, 0)


# The controls of this proxy.


def proxy():
    from litellm.proxy import proxy_server

    return proxy_server


def deployments():
    """Deployment ids with their model group, as the router has them now."""
    router = proxy().llm_router
    found = {}
    for d in getattr(router, "model_list", None) or []:
        info, group = d.get("model_info") or {}, d.get("model_name")
        if isinstance(info.get("id"), str) and isinstance(group, str):
            found.setdefault(info["id"], group)
    return found


def fallbacks():
    """Model groups that have somewhere to fall back to."""
    router = proxy().llm_router
    groups = set()
    for name in ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"):
        for entry in getattr(router, name, None) or []:
            if isinstance(entry, dict):
                groups.update(g for g, to in entry.items() if to)
    return groups


def knobs():
    """Every control, at its base. A name that cannot stand in a header is left out."""
    at, all_knobs = deployments(), {}

    def add(kind, dim, name, base, **more):
        if name is None or NAME.fullmatch(name):
            id = kind if name is None else kind + "." + name
            if len(id) <= 200:
                all_knobs[id] = {"id": id, "kind": kind, "scope": {dim: name} if dim else {}, "base": base, **more}

    for d in sorted(at):
        if hasattr(fcntl, "F_OFD_SETLK"):  # elsewhere than on Linux nothing counts over workers, so there is no cap
            add("cap", "deployment", d, NO_CAP, min=1, max=NO_CAP, on_excess="overflow")
        add("target", "deployment", d, "in")
    fall = fallbacks()
    for m in sorted(set(at.values())):
        add("route", "model", m, "")
        if m in fall or "*" in fall:
            add("fallback", "model", m, True)
    for w in WORKLOADS:
        add("pause", "workload", w, False)
        add("shed", "workload", w, 0, min=0, max=100)
    add("retry", None, None, usual_retry())
    return all_knobs


def usual_retry():
    """What the router does by itself."""
    router = proxy().llm_router
    tries, limit = getattr(router, "num_retries", None), getattr(router, "timeout", None)
    return {"max_attempts": int(tries or 0) + 1, "timeout": span(float(limit or 600))}


def checked(knob, value):
    """The value, or why it cannot be one of this control."""
    kind, bad = knob["kind"], Refused(422, "bad_value", f"{knob['id']}: no value of a {knob['kind']}")
    if kind in ("cap", "shed"):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
            raise bad
        if not knob["min"] <= value <= knob["max"]:
            raise Refused(422, "out_of_bounds", f"{knob['id']}: must be {knob['min']} to {knob['max']}")
        return int(value)
    if kind in ("pause", "fallback") and isinstance(value, bool):
        return value
    if kind == "target" and value in ("in", "out"):
        return value
    if kind == "route" and isinstance(value, str):
        if value and value not in deployments():
            raise Refused(422, "bad_value", f"{knob['id']}: there is no such deployment")
        return value
    if kind == "retry" and isinstance(value, dict) and set(value) == {"max_attempts", "timeout"}:
        tries, limit = value["max_attempts"], seconds(value["timeout"])
        if isinstance(tries, int) and not isinstance(tries, bool) and limit is not None:
            if 1 <= tries <= 20 and 0.1 <= limit <= 7200:
                return value
            raise Refused(422, "out_of_bounds", f"{knob['id']}: max_attempts from 1 to 20, timeout from 100ms to 2h")
    raise bad


def seconds(text):
    """A Go duration in seconds, None for anything else."""
    if not isinstance(text, str) or not text:
        return None
    sign, rest = (-1, text[1:]) if text[0] == "-" else (1, text)
    parts = SPAN.findall(rest)
    if "".join(n + u for n, u in parts) != rest:
        return None
    return sign * sum(float(n) * UNITS[u] for n, u in parts)


def span(s):
    return f"{int(s)}s" if s == int(s) else f"{int(s * 1000)}ms"


def stamp(at):
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def note(value):
    return value[:LONGEST_NOTE] if isinstance(value, str) else ""


# The contract.


class Controls:
    """The routes. Each change is one step under the lock of the file."""

    def __init__(self, store):
        self.store = store
        self.gateway = os.environ.get("SIGNALBOX_GATEWAY") or "litellm"
        self.instance = os.environ.get("SIGNALBOX_INSTANCE") or socket.gethostname()

    def mount(self):
        """Puts the routes before those of the proxy, some of which take every path."""
        from starlette.routing import Route

        paths = [
            ("/controls", self._serve(self._list), "GET"),
            ("/controls/events", self._serve(self._events), "GET"),
            ("/controls/{id:path}/extend", self._serve(self._change("extended")), "POST"),
            ("/controls/{id:path}", self._serve(self._change("set")), "PUT"),
            ("/controls/{id:path}", self._serve(self._change("reverted")), "DELETE"),
        ]
        app = proxy().app
        app.router.routes[:] = [r for r in app.router.routes if not str(getattr(r, "path", "")).startswith(PREFIX + "/controls")]
        app.router.routes[0:0] = [Route(PREFIX + p, do, methods=[method]) for p, do, method in paths]

    def _serve(self, do):
        async def handler(request: Request):
            try:
                self._admit(request)
                body = b""
                async for part in request.stream():
                    body += part
                    if len(body) > LONGEST_BODY:
                        raise Refused(400, "bad_body", "the body is too long")
                status, answer, headers = await asyncio.to_thread(do, request, body)
            except Refused as no:
                error = {"error": {"code": no.code, "message": no.message}}
                current, wait = no.more.get("current"), no.more.get("retry_after")
                if current is not None:
                    error["current"] = current
                status, answer, headers = no.status, error, {"Retry-After": str(wait)} if wait is not None else {}
            except Exception as error:  # what is wrong here is nobody else's business
                verbose_proxy_logger.error("signalbox: %s %s: %s", request.method, request.url.path, type(error).__name__)
                status, answer, headers = 500, {"error": {"code": "failed", "message": f"the companion failed: {type(error).__name__}"}}, {}
            return JSONResponse(answer, status_code=status, headers=headers)

        return handler

    def _admit(self, request):
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        known = [k for k in (proxy().master_key, os.environ.get("SIGNALBOX_CONTROL_TOKEN")) if isinstance(k, str) and k]
        matches = [secrets.compare_digest(token.encode(), k.encode()) for k in known]
        if kind.lower() != "bearer" or not any(matches):
            raise Refused(401, "unauthorized", "the controls need the proxy's master key, or the token of SIGNALBOX_CONTROL_TOKEN")

    def _control(self, data, knob):
        held = data["controls"].get(knob["id"]) or {}
        shown = dict(knob, value=knob["base"], version=held.get("version") or f"{data['epoch']}-0", set_by="", reason="", incident="", expires_at=None)
        if held.get("expires_at"):
            shown.update({k: held[k] for k in ("value", "set_by", "reason", "incident")}, expires_at=stamp(held["expires_at"]))
        shown["instances"] = [{"name": self.instance, "applied": True}]
        return shown

    def _sweep(self, data, now):
        """Writes down what has ended. In force it was no more since its deadline: requests look at that themselves."""
        swept, known = False, knobs()
        for id, held in data["controls"].items():
            end = held.get("expires_at")
            if end and end <= now:
                base = known[id]["base"] if id in known else None
                self._record(data, end, id, "expired", {"actor": "gateway", "reason": "the deadline passed", "incident": held["incident"]}, held["value"], base)
                data["controls"][id] = {"version": self._version(data)}
                swept = True
        return swept

    def _version(self, data):
        data["count"] += 1
        return f"{data['epoch']}-{data['count']}"

    def _record(self, data, at, id, kind, words, before, after):
        data["seq"] += 1
        event = {"seq": data["seq"], "at": stamp(at), "id": id, "kind": kind, "before": before, "after": after}
        event.update({k: note(words.get(k)) for k in ("actor", "reason", "incident")})
        data["events"] = (data["events"] + [event])[-KEPT_EVENTS:]

    def _list(self, request, body):
        def do(data):
            fresh = "count" in data and not os.path.exists(self.store.path)
            swept = self._sweep(data, time.time())
            return swept or fresh, [self._control(data, k) for k in knobs().values()]

        return 200, {"gateway": self.gateway, "instance": self.instance, "now": stamp(time.time()), "controls": self.store.change(do)}, {}

    def _events(self, request, body):
        after = request.query_params.get("after", "0")
        if not after.isdigit():
            raise Refused(400, "bad_body", "after is the next of an earlier answer")

        def do(data):
            swept = self._sweep(data, time.time())
            return swept, {"next": data["seq"], "events": [e for e in data["events"] if e["seq"] > int(after)]}

        return 200, self.store.change(do), {}

    def _change(self, kind):
        def do(request, body):
            id, key = request.path_params["id"], request.headers.get("idempotency-key", "")
            dry = kind == "set" and request.query_params.get("dry_run", "0") not in ("", "0", "false")
            version = request.headers.get("if-match", "").strip('"')
            if not version:
                raise Refused(428, "no_version", "a change needs If-Match with the version that was read")
            if not dry and not 0 < len(key) <= 200:
                raise Refused(400, "no_key", "a change needs an Idempotency-Key of at most 200 bytes")
            try:
                words = json.loads(body) if body else {}
            except ValueError:
                words = None
            if not isinstance(words, dict):
                raise Refused(400, "bad_body", "the body is no JSON object")
            whole = hashlib.sha256(b"\0".join([request.method.encode(), request.url.path.encode(), body])).hexdigest()
            answer = self.store.change(lambda data: self._one(data, kind, id, version, "" if dry else key, whole, words))
            return 200, answer, {} if dry else {"ETag": f'"{answer["version"]}"'}

        return do

    def _one(self, data, kind, id, version, key, whole, words):
        """One change, alone on this host."""
        now = time.time()
        swept = self._sweep(data, now)
        data["keys"] = {k: v for k, v in sorted(data["keys"].items(), key=lambda kv: kv[1]["at"])[-KEPT_KEYS:] if v["at"] > now - KEY_AGE}
        if key in data["keys"]:
            if data["keys"][key]["whole"] != whole:
                raise Refused(422, "key_reused", "this Idempotency-Key belongs to another change; use a new one")
            return swept, data["keys"][key]["answer"]
        knob = knobs().get(id)
        if knob is None:
            raise Refused(404, "no_such_control", "no such control; GET /controls lists them")
        before = self._control(data, knob)
        if version != before["version"]:
            raise Refused(412, "version_moved", "the control has changed since it was read; read it again, then decide", current=before)
        held = self._next(data, kind, knob, before, words, now)
        if not key:
            would = dict(data, controls={id: {**held, "version": before["version"]}})
            return swept, {"dry_run": True, "control": self._control(would, knob), "affected": {}, "conflicts": self._conflicts(data, knob, held)}
        if kind == "set":
            data["toggles"][id] = [t for t in data["toggles"].get(id, []) if t > now - TOGGLE_WINDOW] + [now]
        data["controls"][id] = {**held, "version": self._version(data)}
        answer = self._control(data, knob)
        self._record(data, now, id, kind, words, before["value"], answer["value"])
        data["keys"][key] = {"at": now, "whole": whole, "answer": answer}
        return True, answer

    def _next(self, data, kind, knob, before, words, now):
        """What is kept of a control after the change; {} is its base."""
        if kind == "reverted":
            return {}
        if kind == "extended" and before["expires_at"] is None:
            raise Refused(422, "nothing_to_extend", "no value is set here; set one first")
        if words.get("ttl") in (None, ""):
            raise Refused(422, "no_deadline", 'a change needs a ttl such as "15m"; after it the configuration holds again')
        ttl = seconds(words["ttl"])
        if ttl is None:
            raise Refused(422, "bad_value", "ttl is a duration such as 15m")
        if not 0 < ttl <= LONGEST_TTL:
            raise Refused(422, "out_of_bounds", "ttl is above 0 and at most 24h")
        if kind == "extended":
            return {**data["controls"][knob["id"]], "expires_at": now + ttl}
        if words.get("on_expiry", "restore") != "restore":
            raise Refused(422, "bad_value", "on_expiry: only restore is offered")
        value = checked(knob, words.get("value"))
        if not note(words.get("actor")) or not note(words.get("reason")):
            raise Refused(422, "no_reason", "a change needs an actor and a reason")
        recent = [t for t in data["toggles"].get(knob["id"], []) if t > now - TOGGLE_WINDOW]
        if len(recent) >= MOST_TOGGLES:
            raise Refused(429, "too_many_toggles", "let the last change show its effect", retry_after=math.ceil(recent[0] + TOGGLE_WINDOW - now))
        return {"value": value, "set_by": note(words["actor"]), "reason": note(words["reason"]), "incident": note(words.get("incident")), "expires_at": now + ttl}

    def _conflicts(self, data, knob, held):
        """What else is set on the same thing, and what would be left of a model."""
        found, known = [], knobs()
        for id, other in data["controls"].items():
            if id != knob["id"] and other.get("expires_at") and id in known and known[id]["scope"] == knob["scope"] and knob["scope"]:
                found.append({"id": id, "value": other["value"], "set_by": other["set_by"], "why": "is set on the same " + "".join(knob["scope"])})
        if knob["kind"] == "target" and held.get("value") == "out":
            at, gone = deployments(), knob["scope"]["deployment"]
            left = [d for d, m in at.items() if m == at[gone] and d != gone and (data["controls"].get("target." + d) or {}).get("value") != "out"]
            if not left:
                after = "its fallback serves" if at[gone] in fallbacks() else "nothing is left to serve it"
                found.append({"id": knob["id"], "value": "out", "set_by": "", "why": f"it is the last deployment of {at[gone]}: {after}"})
        return found


# What requests meet.


class Companion(CustomLogger):
    """The hooks of the proxy and the router. A fault in one of them leaves the request as it is."""

    def __init__(self, path=None):
        super().__init__()
        self.store = Store(path or os.environ.get("SIGNALBOX_CONTROLS") or "signalbox_controls.json")
        self.slots = Slots(self.store.path)
        self.controls = Controls(self.store)

    def _set(self, kind, name=None):
        """What a control is set to, None at its base. A deadline that has passed counts as base."""
        held = (self.store.peek().get("controls") or {}).get(kind if name is None else f"{kind}.{name}") or {}
        return held.get("value") if (held.get("expires_at") or 0) > time.time() else None

    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        refusal = None
        try:
            refusal = self._steer(data)
        except Exception as error:
            self._fault("a request", error)
        if refusal is not None:
            raise refusal
        return data

    def _steer(self, data):
        work = workload(data)
        if work and self._set("pause", work) is True:
            return turned_away(f"{work} is paused by the operators", "30")
        percent = self._set("shed", work) if work else None
        if percent and random.random() * 100 < percent:
            return turned_away(f"a share of {work} is turned away by the operators", "10")
        model = data.get("model")
        if not isinstance(model, str):
            return None
        if self._set("fallback", model) is False:
            data["disable_fallbacks"] = True
        policy = self._set("retry")
        usual = usual_retry() if policy else None
        if policy and policy["max_attempts"] != usual["max_attempts"]:
            data["num_retries"] = policy["max_attempts"] - 1
        if policy and policy["timeout"] != usual["timeout"]:  # else a deployment keeps the timeout of its own
            data["timeout"] = data["stream_timeout"] = seconds(policy["timeout"])
        to = self._set("route", model)
        at = deployments() if to else {}
        if to in at and at[to] != model:
            data["model"] = at[to]
            data.setdefault("metadata", {})["signalbox_route"] = to
        return None

    async def async_filter_deployments(self, model, healthy_deployments, messages=None, request_kwargs=None, parent_otel_span=None):
        try:
            return self._candidates(model, healthy_deployments, request_kwargs or {})
        except Exception as error:
            self._fault("routing", error)
            return healthy_deployments

    def _candidates(self, model, candidates, kwargs):
        def id_of(d):
            return (d.get("model_info") or {}).get("id") or ""

        to = self._set("route", model)
        for name in ("metadata", "litellm_metadata"):
            marked = kwargs.get(name)
            if isinstance(marked, dict) and marked.get("signalbox_route"):
                to = marked["signalbox_route"]
        if to and deployments().get(to) == model:
            candidates = [d for d in candidates if id_of(d) == to]
        candidates = [d for d in candidates if self._set("target", id_of(d)) != "out"]
        caps = {id_of(d): self._set("cap", id_of(d)) for d in candidates}
        return [d for d in candidates if not caps[id_of(d)] or caps[id_of(d)] >= NO_CAP or self.slots.free(id_of(d), caps[id_of(d)])]

    async def async_pre_call_deployment_hook(self, kwargs, call_type):
        full = None
        try:
            full = await self._enter(kwargs)
        except Exception as error:
            self._fault("a cap", error)
        if full is not None:
            raise full

    async def _enter(self, kwargs):
        """Takes the slot of a capped deployment. Another may have taken it since the router chose: then it waits a little."""
        info, call = kwargs.get("model_info"), kwargs.get("litellm_call_id")
        if not isinstance(info, dict):
            info = next((kwargs[n]["model_info"] for n in ("metadata", "litellm_metadata") if isinstance(kwargs.get(n), dict) and isinstance(kwargs[n].get("model_info"), dict)), {})
        deployment = info.get("id")
        if not call or not deployment:
            return None
        self.slots.release(call)
        cap, end = self._set("cap", deployment), time.monotonic() + SLOT_WAIT
        while cap and cap < NO_CAP and not self.slots.take(call, deployment, cap):
            if time.monotonic() > end:
                return litellm.RateLimitError(message=f"signalbox: the cap of {deployment} is full", llm_provider="", model=str(kwargs.get("model")))
            await asyncio.sleep(0.02)
            cap = self._set("cap", deployment)
        log = kwargs.get("litellm_logging_obj")
        if cap and log is not None:
            weakref.finalize(log, self.slots.release, call, self.slots.of(call))  # for a client that left: no hook tells of that
        return None

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        self._leave(kwargs)

    async def async_post_call_failure_deployment_hook(self, request_data, exception, call_type, fallback_depth=None):
        self._leave(request_data)

    async def async_post_call_failure_hook(self, request_data, original_exception, user_api_key_dict, traceback_str=None):
        self._leave(request_data)

    def _leave(self, data):
        try:
            call = data.get("litellm_call_id") or (data.get("litellm_params") or {}).get("litellm_call_id")
            if call:
                self.slots.release(call)
        except Exception as error:
            self._fault("a cap", error)

    def _fault(self, what, error):
        verbose_proxy_logger.error("signalbox: a fault over %s, which goes on as if there were no lever: %s", what, type(error).__name__)


def turned_away(message, wait):
    return HTTPException(status_code=429, detail={"error": "signalbox: " + message}, headers={"Retry-After": wait})


def workload(data):
    """The class of work, where the client names it: metadata.workload of the request, or the header x-workload."""
    for name in ("metadata", "litellm_metadata"):
        meta = data.get(name)
        if isinstance(meta, dict):
            asked = meta.get("requester_metadata") if isinstance(meta.get("requester_metadata"), dict) else {}
            headers = meta.get("headers") if isinstance(meta.get("headers"), dict) else {}
            for found in (meta.get("workload"), asked.get("workload"), headers.get("x-workload")):
                if isinstance(found, str) and found:
                    return found
    request = data.get("proxy_server_request")
    headers = request.get("headers") if isinstance(request, dict) else None
    found = headers.get("x-workload") if isinstance(headers, dict) else None
    return found if isinstance(found, str) and found else None


WORKLOADS = [w.strip() for w in (os.environ.get("SIGNALBOX_WORKLOADS") or "interactive,batch").split(",") if NAME.fullmatch(w.strip())]

control = Companion()
try:
    control.controls.mount()
except Exception as error:
    verbose_proxy_logger.error("signalbox: the controls are not served: %s", error)
