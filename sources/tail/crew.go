package tail

import (
	"runtime"
	"sync"

	"signalbox/sources/decode"
)

// task is one block that is read and decoded by a member of the crew.
type task struct {
	file  *counted
	block decode.Block
	part  part // what is still to be read; zero where it is there already
	err   error
	done  chan struct{}

	waited bool // whoever merges knows that it is done
}

// wait returns when the task is done.
func (t *task) wait() {
	if !t.waited {
		<-t.done
		t.waited = true
	}
}

func (t *task) run() {
	defer func() { t.done <- struct{}{} }()
	if t.err = t.part.read(&t.block); t.err != nil {
		return
	}
	w := t.file.worker()
	w.Decode(&t.block)
	t.file.rest(w)
}

// crew decodes blocks, one goroutine for each processor. Whoever starts it stops it.
type crew struct {
	ahead    int // tasks of one file on their way
	together int // so many of them are waited for at once
	tasks    chan *task
	all      sync.WaitGroup
}

func newCrew(files int) *crew {
	size := runtime.GOMAXPROCS(0)
	ahead := max(2, 16*size/max(files, 1))
	c := &crew{ahead: ahead, together: ahead / 2, tasks: make(chan *task, ahead*files)} // so that whoever merges never waits to hand over
	for range size {
		c.all.Go(func() {
			for t := range c.tasks {
				t.run()
			}
		})
	}
	return c
}

func (c *crew) stop() {
	close(c.tasks)
	c.all.Wait()
}
