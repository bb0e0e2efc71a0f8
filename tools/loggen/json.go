package main

import (
	"fmt"
	"strconv"
)

func jsonString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == 0x2192: // some writers escape what is not ASCII, some do not
			b = append(b, `\u2192`...)
		case c < 0x20:
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, string(c)...)
		}
	}
	return append(b, '"')
}

const tsLayout = "2006-01-02T15:04:05.000000Z"

type field struct {
	key string
	put func([]byte, *record) []byte
}

func str(f func(*record) string) func([]byte, *record) []byte {
	return func(b []byte, r *record) []byte { return jsonString(b, f(r)) }
}

var fields = []field{
	{"ts", func(b []byte, r *record) []byte {
		b = append(b, '"')
		b = r.ts.AppendFormat(b, tsLayout)
		return append(b, '"')
	}},
	{"level", str(func(r *record) string { return r.level })},
	{"msg", str(func(r *record) string { return r.msg })},
	{"request_id", str(func(r *record) string { return r.id })},
	{"trace_id", str(func(r *record) string { return r.trace })},
	{"model", str(func(r *record) string { return r.m.name })},
	{"provider", str(func(r *record) string { return r.m.provider })},
	{"region", str(func(r *record) string { return r.region })},
	{"endpoint", str(func(r *record) string { return r.endpoint })},
	{"env", str(func(r *record) string { return r.env })},
	{"team", str(func(r *record) string { return r.team })},
	{"status", func(b []byte, r *record) []byte { return strconv.AppendInt(b, int64(r.status), 10) }},
	{"error", func(b []byte, r *record) []byte {
		if r.fail == nil {
			return append(b, "null"...)
		}
		b = jsonString(append(b, `{"type":`...), r.fail.typ)
		b = jsonString(append(b, `,"code":`...), r.fail.code)
		b = jsonString(append(b, `,"message":`...), r.fail.message)
		return append(b, '}')
	}},
	{"latency_ms", func(b []byte, r *record) []byte { return strconv.AppendFloat(b, r.latency, 'f', 2, 64) }},
	{"ttft_ms", func(b []byte, r *record) []byte {
		if r.ttft == 0 {
			return append(b, "null"...)
		}
		return strconv.AppendFloat(b, r.ttft, 'f', 2, 64)
	}},
	{"stream", func(b []byte, r *record) []byte { return strconv.AppendBool(b, r.stream) }},
	{"prompt_tokens", func(b []byte, r *record) []byte { return strconv.AppendInt(b, int64(r.prompt), 10) }},
	{"completion_tokens", func(b []byte, r *record) []byte { return strconv.AppendInt(b, int64(r.completion), 10) }},
	{"cost_usd", func(b []byte, r *record) []byte { return strconv.AppendFloat(b, r.cost, 'f', 6, 64) }},
	{"attempt", func(b []byte, r *record) []byte { return strconv.AppendInt(b, int64(r.attempt), 10) }},
	{"route", str(func(r *record) string { return r.route })},
	{"client", func(b []byte, r *record) []byte {
		b = jsonString(append(b, `{"ip":`...), r.ip)
		b = jsonString(append(b, `,"ua":`...), r.agent)
		return append(b, '}')
	}},
}

func jsonLine(b []byte, r *record, order []int, withSeq bool) []byte {
	b = append(b, '{')
	for n, i := range order {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, fields[i].key...)
		b = append(b, '"', ':')
		b = fields[i].put(b, r)
	}
	if withSeq {
		b = strconv.AppendInt(append(b, `,"seq":`...), int64(r.seq), 10)
	}
	return append(b, '}', '\n')
}
