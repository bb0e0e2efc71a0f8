package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// The fields that a scan reads and counts by, and the shortest question that one could ask.
const (
	duckCells = `
cols = {"ts":"TIMESTAMP","model":"VARCHAR","provider":"VARCHAR","region":"VARCHAR","endpoint":"VARCHAR","env":"VARCHAR","status":"SMALLINT",
        "error":"STRUCT(code VARCHAR)","latency_ms":"DOUBLE","ttft_ms":"DOUBLE","prompt_tokens":"BIGINT","completion_tokens":"BIGINT"}
rows = con.execute("""SELECT model, region, status, sum(n) FROM (
  SELECT model, region, endpoint, env, status, error.code AS code, date_trunc('second', ts) AS sec, count(*) AS n, sum(latency_ms),
    sum(ttft_ms), sum(prompt_tokens), sum(completion_tokens) FROM read_json(?, format='newline_delimited', columns=?) GROUP BY ALL) GROUP BY ALL""",
  [path, cols]).fetchall()
`
	// duckJob does in SQL what a scan does, as far as SQL goes: a class for each failure, counts and quantiles by cell, and for eleven cuts
	// the spans in which more failed in half a minute than the half hour before lets expect. A scan watches more than a hundred cuts, and
	// latency, tokens, repeats and lost traffic besides; its rules tell failures apart by some thousand words.
	duckJob = `
cols = {"ts":"TIMESTAMP","model":"VARCHAR","provider":"VARCHAR","region":"VARCHAR","endpoint":"VARCHAR","env":"VARCHAR","team":"VARCHAR","status":"SMALLINT",
        "error":"STRUCT(type VARCHAR, code VARCHAR, message VARCHAR)","latency_ms":"DOUBLE","ttft_ms":"DOUBLE","stream":"BOOLEAN",
        "prompt_tokens":"BIGINT","completion_tokens":"BIGINT","attempt":"SMALLINT"}
con.execute("""CREATE TEMP TABLE line AS SELECT date_trunc('second', ts) AS sec, model, provider, region, endpoint, env, team, status, latency_ms, ttft_ms, stream,
  prompt_tokens, completion_tokens, attempt, CASE WHEN status < 400 THEN NULL
    WHEN regexp_matches(m, 'insufficient.quota|exceeded your current quota|billing|credit balance|budget') THEN 'quota_exhausted'
    WHEN regexp_matches(m, 'context.length|context.window|too many tokens|prompt is too long|max_tokens') THEN 'context_overflow'
    WHEN regexp_matches(m, 'api.key|unauthorized|permission|forbidden|authentication') THEN 'auth'
    WHEN regexp_matches(m, 'model.*(not.found|does not exist)|deployment.*not') THEN 'model_not_found'
    WHEN regexp_matches(m, 'no.healthy|no deployments|cool.?down|circuit') THEN 'no_healthy_upstream'
    WHEN status = 499 OR regexp_matches(m, 'client (closed|disconnected)|cancel') THEN 'cancelled'
    WHEN regexp_matches(m, 'overloaded|capacity') OR status = 529 THEN 'overloaded'
    WHEN status = 429 OR regexp_matches(m, 'rate.?limit|too many requests') THEN 'rate_limited'
    WHEN regexp_matches(m, 'connection (reset|refused)|upstream.reset|eof|dns|tls') THEN 'connection'
    WHEN status IN (408, 504, 524) OR regexp_matches(m, 'time.?out|timed out|deadline') THEN 'timeout'
    WHEN status = 502 THEN 'bad_gateway' WHEN status >= 500 THEN 'server_error' ELSE 'bad_request' END AS class
  FROM (SELECT *, lower(concat_ws(' ', error.type, error.code, error.message)) AS m FROM read_json(?, format='newline_delimited', columns=?))""", [path, cols])
con.execute("""SELECT env, provider, model, region, endpoint, class, count(*), sum(prompt_tokens), sum(completion_tokens), count(*) FILTER (attempt > 1),
  approx_quantile(latency_ms, [0.5, 0.95, 0.99]), approx_quantile(ttft_ms, [0.5, 0.95, 0.99]) FROM line GROUP BY ALL""").fetchall()
bursts = con.execute("""WITH cut AS (
    SELECT provider, model, region, endpoint, env, team, stream, sec, count(*) AS n,
      count(*) FILTER (class NOT IN ('bad_request', 'cancelled', 'auth')) AS k
    FROM line GROUP BY GROUPING SETS ((sec), (sec, provider), (sec, model), (sec, region), (sec, endpoint), (sec, env), (sec, stream), (sec, team),
      (sec, provider, region), (sec, provider, model), (sec, model, region))),
  seen AS (SELECT *, sum(k) OVER near AS k_near, sum(n) OVER near AS n_near, sum(k) OVER far AS k_far, sum(n) OVER far AS n_far FROM cut WINDOW
    near AS (PARTITION BY provider, model, region, endpoint, env, team, stream ORDER BY sec RANGE BETWEEN INTERVAL 29 SECOND PRECEDING AND CURRENT ROW),
    far AS (PARTITION BY provider, model, region, endpoint, env, team, stream ORDER BY sec
      RANGE BETWEEN INTERVAL 1860 SECOND PRECEDING AND INTERVAL 60 SECOND PRECEDING)),
  usual AS (SELECT *, n_near * (k_far + 1) / (n_far + 1) AS expected FROM seen WHERE n_far > 100)
  SELECT provider, model, region, endpoint, env, team, stream, min(sec), max(sec), sum(k) FROM usual
  WHERE k_near > 5 + expected + 5 * sqrt(expected) GROUP BY ALL""").fetchall()
assert bursts, "no burst found"
rows = con.execute("SELECT model, region, status, count(*) FROM line GROUP BY ALL").fetchall()
`
	duckCount = `
cols = {"model":"VARCHAR","region":"VARCHAR","status":"SMALLINT"}
rows = con.execute("SELECT model, region, status, count(*) FROM read_json(?, format='newline_delimited', columns=?) GROUP BY ALL", [path, cols]).fetchall()
`
	duckHead = `
import duckdb, json, sys
path = sys.argv[1]
con = duckdb.connect()
con.execute("SET enable_progress_bar=false")
`
	duckTail = `
print(json.dumps({f"{m}|{r}|{s}": int(n) for m, r, s, n in rows}))
`
)

func (b *bench) duck(name, python, query string) peer {
	p := peer{name: name, of: &b.whole, check: b.whole.counts, pack: "duckdb from PyPI"}
	if python == "" {
		python = filepath.Join(b.dir, "venv", "bin", "python")
		if exec.Command(python, "-c", "import duckdb").Run() != nil {
			p.missing = b.environment(python)
		}
	}
	p.argv = []string{python, "-c", duckHead + query + duckTail, b.whole.path}
	return p
}

// environment makes a virtual environment with DuckDB, and says why it could not.
func (b *bench) environment(python string) string {
	if out, err := exec.Command("python3", "-m", "venv", filepath.Join(b.dir, "venv")).CombinedOutput(); err != nil {
		return fmt.Sprintf("no virtual environment for DuckDB (packages python3, python3-venv): %v: %.120s", err, out)
	}
	if out, err := exec.Command(python, "-m", "pip", "-q", "install", "duckdb").CombinedOutput(); err != nil {
		return fmt.Sprintf("DuckDB could not be installed (duckdb from PyPI): %v: %.120s", err, out)
	}
	return ""
}
