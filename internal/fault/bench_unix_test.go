//go:build unix

package fault

import (
	"syscall"
	"testing"
)

// BenchmarkCorpus is the cost of one verdict, over all texts of the corpus; cpu-ns/op is what the process used,
// whatever else the machine does.
func BenchmarkCorpus(b *testing.B) {
	all := corpus(b)
	Classify(Input{})
	b.ReportAllocs()
	n := 0
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		Classify(Input{Text: all[n%len(all)].Text})
		n++
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano())/float64(n), "cpu-ns/op")
}
