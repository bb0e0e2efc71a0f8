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
