package traffic

import (
	"fmt"
	"sync"
	"testing"
)

// Values are counted up to a bound, and what is beyond it is counted as one.
func TestUnknownPlaces(t *testing.T) {
	var u UnknownPlaces
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range MaxUnknownPlaces + 10 {
				u.Counter("host", fmt.Sprint(i)).Add(1)
			}
			u.Counter("deployment", "often").Add(100)
		})
	}
	all.Wait()
	list := u.List()
	var sum int64
	for _, p := range list {
		sum += p.N
	}
	if want := int64(4 * (MaxUnknownPlaces + 10 + 100)); sum != want {
		t.Errorf("%d counted, want %d", sum, want)
	}
	if last := list[len(list)-1]; len(list) != MaxUnknownPlaces+1 || last.By != "" {
		t.Errorf("%d places, the last %+v", len(list), last)
	}
	var none *UnknownPlaces
	if none.Counter("host", "a") != nil || none.List() != nil {
		t.Error("nil counts")
	}
}
