package tail

import (
	"context"
	"slices"
	"sync"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/decode"
)

// Reading is some logs that are read in one way.
type Reading struct {
	Paths []string
	Opt   ReadOptions
}

// Count reads logs to their ends for what counts in them: the briefs of their records, merged by event time, with
// places that number their keys; the order of paths changes nothing. Files may be compressed with gzip. fn must not keep
// what it is given. Logs of JSON lines are decoded on all processors; what is handed over is the same whatever their
// number. The readings share one table of symbols, that of the first.
func Count(ctx context.Context, readings []Reading, places *traffic.Places, fn func([]traffic.Brief) error) (Report, error) {
	return countBy(ctx, blockSize, readings, places, fn)
}

// countBy is Count with blocks of another length.
func countBy(ctx context.Context, span int, readings []Reading, places *traffic.Places, fn func([]traffic.Brief) error) (Report, error) {
	var files []*counted
	defer func() {
		for _, f := range files {
			f.close()
		}
	}()
	var syms *traffic.Symbols
	for _, r := range readings {
		if syms != nil {
			r.Opt.Kit.Symbols = syms
		}
		r.Opt.Kit = r.Opt.Kit.Complete()
		syms = r.Opt.Kit.Symbols
		open, err := openAll(r.Paths, r.Opt)
		for _, w := range open {
			files = append(files, newCounted(w, r.Opt.Kit, places))
		}
		if err != nil {
			return Report{}, err
		}
	}
	crew := newCrew(len(files))
	defer crew.stop() // before the files are closed, because its members read them
	for _, f := range files {
		f.crew, f.span = crew, span
	}
	err := mergeBriefs(ctx, files, fn)
	report := Report{}
	for _, f := range files {
		r := f.report()
		r.Dropped += f.lost
		r.Lack = f.lack
		report.add(r)
	}
	return report, err
}

// mergeBriefs hands over the earliest of the files' next briefs, in runs as long as one file has it.
func mergeBriefs(ctx context.Context, files []*counted, fn func([]traffic.Brief) error) error {
	open := make([]*counted, 0, len(files))
	for _, f := range files {
		ok, err := f.next(ctx)
		if err != nil {
			return err
		}
		if ok {
			open = append(open, f)
		}
	}
	for len(open) > 0 {
		at := 0
		for i, f := range open {
			if f.head() < open[at].head() {
				at = i
			}
		}
		f := open[at]
		n := f.run(open, at)
		if err := fn(f.ready[f.at : f.at+n]); err != nil {
			return err
		}
		f.at += n
		ok, err := f.next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			open = append(open[:at], open[at+1:]...)
		}
	}
	return nil
}

// run tells how many briefs of the file come before those of all others. Of equal times the first file's come first.
func (f *counted) run(open []*counted, at int) int {
	if len(open) == 1 {
		return len(f.ready) - f.at
	}
	before, after := int64(1<<63-1), int64(1<<63-1) // the earliest heads of the files before it, and after
	for i, o := range open {
		switch {
		case i < at:
			before = min(before, o.head())
		case i > at:
			after = min(after, o.head())
		}
	}
	n := 1
	for _, b := range f.ready[f.at+1:] {
		if b.At >= before || b.At > after {
			break
		}
		n++
	}
	return n
}

// counted is one file on its way to briefs. It belongs to the goroutine that merges; the crew sees its tasks only.
type counted struct {
	*whole
	crew   *crew
	span   int // length of a block
	places *traffic.Places
	kit    sources.Kit
	number map[any][]uint32 // of each worker's places one more than the number that places gives them, 0 for none yet
	lone   *decode.Block    // for what the stream has taken line by line
	bulk   *decode.Bulk
	cut    cutter
	queue  []*task
	free   []*task
	due    int  // so many of the queue are done, and are joined before others are waited for
	over   bool // nothing more is to be cut
	rested bool

	mu   sync.Mutex
	idle []*decode.Worker

	ready []traffic.Brief
	at    int
	more  [][]traffic.Brief // that come after ready
	lost  int64
	lack  decode.Lack
}

func newCounted(w *whole, kit sources.Kit, places *traffic.Places) *counted {
	return &counted{whole: w, places: places, kit: kit, number: make(map[any][]uint32), lone: decode.NewBlock(kit)}
}

func (f *counted) head() int64 { return f.ready[f.at].At }

// next makes sure that there is a brief, and tells whether there is.
func (f *counted) next(ctx context.Context) (bool, error) {
	for f.at >= len(f.ready) {
		if f.at = 0; len(f.more) > 0 {
			f.ready, f.more = f.more[0], f.more[1:]
			continue
		}
		f.ready = nil
		if err := ctx.Err(); err != nil {
			return false, errReading(f.path, err)
		}
		if f.bulk == nil {
			if f.ended {
				return false, nil
			}
			if err := f.begin(); err != nil {
				return false, err
			}
			continue
		}
		if err := f.fill(); err != nil {
			return false, err
		}
		switch {
		case len(f.queue) > 0:
			if err := f.join(); err != nil {
				return false, err
			}
		case !f.rested:
			f.rested = true
			f.bulk.Rest(f.now(), func(k *decode.Block) { f.take(k, false) })
		default:
			return false, nil
		}
	}
	return true, nil
}

// begin reads a block line by line, until the lines tell the format and the rest can be taken in blocks.
func (f *counted) begin() error {
	rest, err := f.whole.begin(func() bool {
		f.bulk = f.lines.Bulk()
		return f.bulk != nil
	})
	if err != nil {
		return err
	}
	f.lone.Records(f.lines)
	f.take(f.lone, true)
	if f.bulk != nil {
		f.cut = f.cutter(rest)
	}
	return nil
}

// fill hands tasks to the crew, as many as may be on their way.
func (f *counted) fill() error {
	for !f.over && len(f.queue) < f.crew.ahead {
		t := f.task()
		more, err := f.cut.cut(t)
		if err != nil {
			return err
		}
		if !more {
			f.over = true
			return nil
		}
		f.bulk.Begin(&t.block)
		f.queue = append(f.queue, t)
		f.crew.tasks <- t
	}
	return nil
}

func (f *counted) task() *task {
	if n := len(f.free); n > 0 {
		t := f.free[n-1]
		f.free = f.free[:n-1]
		t.block.Now, t.block.Lost = f.now(), 0
		return t
	}
	return &task{file: f, done: make(chan struct{}, 1), block: decode.Block{Now: f.now()}}
}

// join takes what the first task gave. It waits for several at once: who counts what they gave goes through all that he
// remembers for each second, and finds it at hand for the next as long as nobody decodes in between.
func (f *counted) join() error {
	t := f.queue[0]
	f.queue = f.queue[1:]
	if f.due == 0 {
		f.due = min(1+len(f.queue), f.crew.together)
		t.wait()
		for _, o := range f.queue[:f.due-1] {
			o.wait()
		}
	}
	f.due--
	t.waited = false
	if t.err != nil {
		return errReading(f.path, t.err)
	}
	f.bulk.Join(&t.block, func(k *decode.Block) { f.take(k, k == &t.block) })
	f.lost += t.block.Lost
	f.free = append(f.free, t) // its briefs are used up before the next one is asked for
	return nil
}

// take numbers the places in the order in which the file names them, whoever met them first, and gives lines without a time that of the line before.
func (f *counted) take(k *decode.Block, whole bool) {
	briefs := k.Briefs
	if !whole {
		briefs = slices.Clone(briefs) // a small block, which is used again at once
	}
	f.lack.Add(k.Lack)
	owner, keys, syms := k.Keys()
	number := f.number[owner]
	if more := len(keys) - len(number); more > 0 {
		number = append(number, make([]uint32, more)...)
		f.number[owner] = number
	}
	clock, first := f.clock.UnixNano(), int64(1<<63-1)
	for i := range briefs {
		b := &briefs[i]
		if number[b.Place] == 0 {
			number[b.Place] = 1 + f.places.Of(f.translate(keys[b.Place], syms))
		}
		b.Place = number[b.Place] - 1
		if syms != f.kit.Symbols {
			for _, s := range [...]*traffic.Sym{&b.Caller, &b.From} {
				if *s > traffic.Other {
					*s = f.kit.Symbols.Intern(syms.Name(*s))
				}
			}
		}
		if b.Marks&traffic.Received != 0 {
			b.At = clock
			continue
		}
		clock = b.At
		first = min(first, clock)
	}
	if first != 1<<63-1 {
		f.clock = time.Unix(0, clock)
		if at := time.Unix(0, first); f.first.IsZero() || at.Before(f.first) {
			f.first = at.UTC()
		}
	}
	f.more = append(f.more, briefs)
}

// translate gives a key in the symbols of all files.
func (f *counted) translate(key traffic.Key, syms *traffic.Symbols) traffic.Key {
	if syms == f.kit.Symbols {
		return key
	}
	for d, sym := range key {
		key[d] = f.kit.Symbols.Intern(syms.Name(sym))
	}
	return key
}

// close waits for the tasks that nobody joined, and closes the file.
func (f *counted) close() {
	for _, t := range f.queue {
		t.wait()
	}
	f.whole.close()
}

// worker gives one that rests, or a new one.
func (f *counted) worker() *decode.Worker {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.idle)
	if n == 0 {
		return f.bulk.Worker()
	}
	w := f.idle[n-1]
	f.idle = f.idle[:n-1]
	return w
}

func (f *counted) rest(w *decode.Worker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.idle = append(f.idle, w)
}
