// Signalbox is a terminal incident-response console for the people on call for software that depends
// on LLM APIs.
package main

import (
	"os"

	"signalbox/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
