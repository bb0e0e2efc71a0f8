package drill

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestQueueLetsInteractiveFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		hold, _, err := q.acquire(t.Context(), interactive)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		for _, workload := range []string{batch, batch, interactive, interactive} {
			wg.Go(func() {
				release, _, err := q.acquire(t.Context(), workload)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, workload)
				mu.Unlock()
				release()
			})
			synctest.Wait()
		}
		hold()
		wg.Wait()
		if want := []string{interactive, interactive, batch, batch}; !slices.Equal(order, want) {
			t.Errorf("served %v, want %v", order, want)
		}
		if running, waiting, _ := q.load(interactive); running != 0 || waiting != 0 {
			t.Errorf("%d running and %d waiting at the end", running, waiting)
		}
	})
}

func TestQueueBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		q.bounds[batch] = queueBounds{length: 1, wait: 3 * time.Second}
		release, _, err := q.acquire(t.Context(), interactive)
		if err != nil {
			t.Fatal(err)
		}
		late := make(chan error)
		go func() {
			_, waited, err := q.acquire(t.Context(), batch)
			if waited != 3*time.Second {
				t.Errorf("waited %v", waited)
			}
			late <- err
		}()
		synctest.Wait()
		if _, _, err := q.acquire(t.Context(), batch); !errors.Is(err, errQueueFull) {
			t.Errorf("a second one in a line of one: %v", err)
		}
		if err := <-late; !errors.Is(err, errQueueTimeout) {
			t.Errorf("after its longest wait: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := q.acquire(ctx, batch); !errors.Is(err, context.Canceled) {
			t.Errorf("after its caller left: %v", err)
		}
		release()
		again, waited, err := q.acquire(t.Context(), batch)
		if err != nil || waited != 0 {
			t.Fatalf("with a free place: waited %v, %v", waited, err)
		}
		again()
	})
}

func TestQueueFollowsItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		first, _, _ := q.acquire(t.Context(), interactive)
		got := make(chan func(), 2)
		for range 2 {
			go func() {
				release, _, err := q.acquire(t.Context(), batch)
				if err != nil {
					t.Error(err)
				}
				got <- release
			}()
		}
		synctest.Wait()
		q.setLimit(2)
		second := <-got
		q.setLimit(1)
		first()
		synctest.Wait()
		if len(got) != 0 {
			t.Error("let a request through while the lowered limit was used up")
		}
		second()
		(<-got)()
	})
}

func TestHoldIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHold(5 * time.Second)
		if !h.pass(t.Context()) {
			t.Error("an open hold held")
		}
		h.set(true)
		start := time.Now()
		if h.pass(t.Context()) || time.Since(start) != 5*time.Second {
			t.Errorf("a shut hold let go after %v", time.Since(start))
		}
		passed := make(chan bool)
		go func() { passed <- h.pass(t.Context()) }()
		synctest.Wait()
		if h.held() != 1 {
			t.Errorf("%d held, want 1", h.held())
		}
		h.set(false)
		if !<-passed {
			t.Error("opening did not let the held one pass")
		}
	})
}
