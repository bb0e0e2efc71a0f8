// Package litellm holds the companion for a LiteLLM proxy, which the program prints.
package litellm

import _ "embed"

// Companion is signalbox_companion.py, a callback that makes LiteLLM serve the control contract.
//
//go:embed signalbox_companion.py
var Companion string
