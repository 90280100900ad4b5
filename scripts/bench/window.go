package main

import (
	"slices"
	"sync/atomic"
	"time"
)

// work keeps one worker busy until it is over.
type work func(*worker) error

// worker is one of a client's connections. It counts always; the window of time
// that is measured is cut out of its count by [measure].
type worker struct {
	count     atomic.Int64
	deadline  time.Time
	ended     *atomic.Bool
	measuring *atomic.Bool
	latencies []time.Duration // while measuring
	_         [64]byte        // no cache line is shared with the next worker's count
}

func (w *worker) over() bool { return w.ended.Load() }

// took counts something that took d.
func (w *worker) took(d time.Duration) {
	w.count.Add(1)
	if w.measuring.Load() {
		w.latencies = append(w.latencies, d)
	}
}

// measure has a load's workers work, and looks at them for a while once they
// are warm.
func measure(l load, do work) (sample, error) {
	var ended, measuring atomic.Bool
	workers, errs := make([]*worker, l.Conns), make(chan error, l.Conns)
	for i := range workers {
		w := &worker{deadline: time.Now().Add(l.Warm + l.Time + patience), ended: &ended, measuring: &measuring}
		workers[i] = w
		go func() { errs <- do(w) }()
	}
	meter := newCPUMeter(l.Server)
	if err := wait(l.Warm, errs); err != nil {
		return sample{}, err
	}
	before, err := look(workers, meter)
	if err != nil {
		return sample{}, err
	}
	measuring.Store(true)
	if err := wait(l.Time, errs); err != nil {
		return sample{}, err
	}
	after, err := look(workers, meter)
	measuring.Store(false)
	ended.Store(true)
	for range workers {
		if e := <-errs; e != nil {
			return sample{}, e
		}
	}
	return newSample(before, after, workers), err
}

// wait waits for d, or for a worker that failed.
func wait(d time.Duration, errs <-chan error) error {
	select {
	case err := <-errs:
		return err
	case <-time.After(d):
		return nil
	}
}

// view is what there is to see at a moment.
type view struct {
	at    time.Time
	count int64
	cpu   cpuTime
}

func look(workers []*worker, meter cpuMeter) (view, error) {
	v := view{at: time.Now()}
	for _, w := range workers {
		v.count += w.count.Load()
	}
	var err error
	v.cpu, err = meter.read()
	return v, err
}

func newSample(before, after view, workers []*worker) sample {
	var all []time.Duration
	for _, w := range workers {
		all = append(all, w.latencies...)
	}
	slices.Sort(all)
	cpu := after.cpu.sub(before.cpu)
	return sample{
		Seconds:   after.at.Sub(before.at).Seconds(),
		Count:     float64(after.count - before.count),
		P50:       quantile(all, 0.50).Seconds(),
		P99:       quantile(all, 0.99).Seconds(),
		ServerCPU: cpu.server.Seconds(),
		AllCPU:    cpu.all.Seconds(),
	}
}

// quantile returns the value that the part q of sorted is not above, or 0 of none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
