package drill

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestStandstill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var p pulse
		done := make(chan struct{})
		go func() { p.run(ctx); close(done) }()
		time.Sleep(10 * time.Second)
		stop()
		<-done
		if s := p.standstill(); s != (Standstill{}) {
			t.Errorf("a machine that runs stood still for %+v", s)
		}
	})
	var p pulse
	for _, took := range []time.Duration{beat, 100 * time.Millisecond, beat + 400*time.Millisecond, -time.Second, beat + 3*time.Second} {
		p.took(took)
	}
	if s, want := p.standstill(), (Standstill{Total: 3400 * time.Millisecond, Longest: 3 * time.Second}); s != want {
		t.Errorf("it stood still for %+v, not %+v", s, want)
	}
}

func TestFewerUsers(t *testing.T) {
	all := LoadTuning{Interactive: 28, Batch: 16, Naive: true}
	for percent, want := range map[int]LoadTuning{100: all, 25: {7, 4, true}, 1: {0.28, 1, true}} {
		if got := all.share(percent); got != want {
			t.Errorf("%d%% of the users are %+v, not %+v", percent, got, want)
		}
	}
}
