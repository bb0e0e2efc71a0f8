package main

import (
	"fmt"
	"strconv"
	"strings"
)

func lfValue(b []byte, k, v string) []byte {
	b = append(b, ' ')
	b = append(b, k...)
	b = append(b, '=')
	if v == "" || strings.ContainsAny(v, " =\"\\\n\t") {
		return strconv.AppendQuote(b, v)
	}
	return append(b, v...)
}

func logfmtLine(b []byte, r *record, withSeq bool) []byte {
	b = append(b, "ts="...)
	b = r.ts.AppendFormat(b, tsLayout)
	for _, kv := range [...][2]string{
		{"level", r.level},
		{"msg", r.msg},
		{"request_id", r.id},
		{"trace_id", r.trace},
		{"model", r.m.name},
		{"provider", r.m.provider},
		{"region", r.region},
		{"endpoint", r.endpoint},
		{"env", r.env},
		{"team", r.team},
	} {
		b = lfValue(b, kv[0], kv[1])
	}
	b = strconv.AppendInt(append(b, " status="...), int64(r.status), 10)
	if r.fail != nil {
		b = lfValue(b, "error.type", r.fail.typ)
		b = lfValue(b, "error.code", r.fail.code)
		b = lfValue(b, "error.message", r.fail.message)
	}
	b = strconv.AppendFloat(append(b, " latency_ms="...), r.latency, 'f', 2, 64)
	if r.ttft > 0 {
		b = strconv.AppendFloat(append(b, " ttft_ms="...), r.ttft, 'f', 2, 64)
	}
	b = fmt.Appendf(b, " stream=%t prompt_tokens=%d completion_tokens=%d cost_usd=%.6f attempt=%d route=%s client.ip=%s client.ua=%s",
		r.stream, r.prompt, r.completion, r.cost, r.attempt, r.route, r.ip, r.agent)
	if withSeq {
		b = strconv.AppendInt(append(b, " seq="...), int64(r.seq), 10)
	}
	return append(b, '\n')
}

func (r *record) size() int { return 380 + r.completion*5 }

func nginxLine(b []byte, r *record, withSeq bool) []byte {
	us := r.status
	if us == 499 {
		us = 200
	}
	b = fmt.Appendf(b, `%s - %s [%s] "POST %s HTTP/1.1" %d %d "-" "%s" rt=%.3f urt=%.3f uht=%.3f us=%d ua=%s.%s:443 model="%s" region=%s env=%s route=%s rid=%s`,
		r.ip, r.team, r.ts.Format("02/Jan/2006:15:04:05 -0700"), r.endpoint, r.status, r.size(), r.agent,
		r.latency/1e3, r.latency/1e3, r.ttft/1e3, us, r.m.provider, r.region, r.m.name, r.region, r.env, r.route, r.id)
	if withSeq {
		b = strconv.AppendInt(append(b, " seq="...), int64(r.seq), 10)
	}
	return append(b, '\n')
}

func haproxyLine(b []byte, r *record, withSeq bool) []byte {
	ta := int(r.latency)
	tr := int(r.ttft)
	if tr == 0 {
		tr = ta
	}
	term := "----"
	if r.status == 504 {
		term = "sH--"
	} else if r.status == 499 {
		term = "CD--"
	}
	b = fmt.Appendf(b, `%s lb1 haproxy[2113]: %s:%d [%s] fe_llm~ be_%s_%s/%s1 0/0/%d/%d/%d %d %d - - %s %d/%d/%d/%d/%d 0/0 {%s|%s|%s} "POST %s HTTP/1.1"`,
		r.ts.Format("Jan _2 15:04:05"), r.ip, 20000+r.prompt%40000, r.ts.Format("02/Jan/2006:15:04:05.000"),
		r.m.provider, r.region, r.m.provider, r.attempt, tr, ta, r.status, r.size(), term,
		100+r.prompt%80, 80+r.prompt%60, 20+r.prompt%20, 5+r.prompt%9, r.attempt-1, r.m.name, r.env, r.id, r.endpoint)
	if withSeq {
		b = strconv.AppendInt(append(b, " seq="...), int64(r.seq), 10)
	}
	return append(b, '\n')
}
