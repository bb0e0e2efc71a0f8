//go:build race

package cli_test

import "os"

const underRace = true

// A process with the race detector sleeps for a second when it ends, for reports that may still come. The stories start
// hundreds of processes, and each of them waits for its goroutines before it ends.
func init() {
	if os.Getenv("GORACE") == "" {
		if err := os.Setenv("GORACE", "atexit_sleep_ms=20"); err != nil {
			panic(err)
		}
	}
}
