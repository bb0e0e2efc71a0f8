//go:build race

package burst

import "flag"

// thrift divides the length of the long tests: the race detector makes arithmetic ten times slower, and there is no
// goroutine here for it to watch.
const thrift = 8

func init() {
	if err := flag.Set("rapid.checks", "5"); err != nil {
		panic(err)
	}
}
