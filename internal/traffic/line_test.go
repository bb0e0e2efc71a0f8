package traffic

import (
	"testing"
	"time"
)

// linesOf has a line for each id, each with as many records before it as it has lines.
func linesOf(places *Places, ids ...string) *Lines {
	l := &Lines{Places: places, Keys: places.Keys(), Source: 4}
	for i, id := range ids {
		raw := "<" + id + ">"
		l.All = append(l.All, Line{
			Brief: Brief{At: int64(i+1) * int64(time.Second), Marks: Received, Attempt: 2}, After: int32(i), Served: 3, //nolint:gosec // few
			Begin: uint32(len(l.Text)), Size: uint32(len(raw)), ID: 1, IDSize: uint32(len(id)), //nolint:gosec // short
		})
		l.Text = append(l.Text, raw...)
	}
	return l
}

func TestLinesJoin(t *testing.T) {
	places := NewPlaces(10)
	places.Of(Key{Model: 7})
	var all Lines
	all.Join(linesOf(places), 3)
	all.Join(linesOf(places, "a", "b"), 1)
	other := linesOf(places, "c", "d")
	all.Join(other, 5)
	if other.Len() != 0 || all.Len() != 4 || (*Lines)(nil).Len() != 0 {
		t.Fatalf("%d lines, %d left", all.Len(), other.Len())
	}
	after := []int32{1, 2, 5, 6}
	for i, id := range []string{"a", "b", "c", "d"} {
		x := &all.All[i]
		rec := all.Record(x)
		if x.After != after[i] || rec.RequestID != id || rec.Raw != "<"+id+">" || rec.Key[Model] != 7 || rec.Source != 4 || rec.Served != 3 ||
			!rec.Received || rec.Attempt != 2 || !rec.Time.Equal(time.Unix(int64(1+i%2), 0)) {
			t.Errorf("line %d after %d: %+v", i, x.After, rec)
		}
	}
	if all.Reset(); all.Len() != 0 {
		t.Error("reset keeps lines")
	}
}
