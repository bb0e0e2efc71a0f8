// Package sources says what all sources of signals share: how they run, how they hand over what they
// read, and what they are given for it. The sources themselves are in the folders below.
package sources

import (
	"context"
	"time"

	"signalbox/internal/traffic"
)

// Emit hands over one batch. It blocks until the batch is applied, so that a file that grows faster than
// it is read waits on the disk and nothing is dropped; an error means that ctx ended first. The batch
// belongs to the receiver, but for its Lines, which are the source's again when Emit returns.
type Emit func(ctx context.Context, b traffic.Batch) error

// Source is one place where signals come from.
type Source interface {
	// Name is the source's name in the configuration.
	Name() string
	// Run reads and emits until ctx ends or the input is finished, and then gives nil. It waits out
	// whatever can mend itself, telling so in SourceState; an error is hopeless. It may be called once.
	Run(ctx context.Context, emit Emit) error
}

// Kit is what every source needs from the one who wires them. Symbols and Inventory are shared.
type Kit struct {
	Symbols   *traffic.Symbols
	Inventory *traffic.Inventory
	Now       func() time.Time // nil: the clock
}

// Complete gives the kit with what was left out: an empty table, an empty inventory, the clock.
func (k Kit) Complete() Kit {
	if k.Symbols == nil {
		k.Symbols = traffic.NewSymbols(0)
	}
	if k.Inventory == nil {
		k.Inventory = traffic.NewInventory(nil)
	}
	if k.Now == nil {
		k.Now = time.Now
	}
	return k
}

// Labels are what the configuration says of a source. Gateway overrules what a line says, because levers
// go by the configured name; Env and Instance fill in where a line says nothing.
type Labels struct {
	Env, Gateway, Instance string
}
