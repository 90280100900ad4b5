package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// results are what a run has found.
type results struct {
	plan    plan
	machine string
	date    time.Time
	samples samples // by peer
}

// samples are what was measured, by whom it was measured on, then by row.
type samples map[string]map[string][]float64

func newResults(p plan) *results {
	return &results{plan: p, machine: machine(), date: time.Now(), samples: samples{}}
}

func (s samples) add(name string, found values) {
	of := s[name]
	if of == nil {
		of = map[string][]float64{}
		s[name] = of
	}
	for key, v := range found {
		of[key] = append(of[key], v)
	}
}

// median of the values of a row; ok if there are any.
func (s samples) median(name, key string) (m float64, ok bool) {
	return median(s[name][key])
}

func median(v []float64) (m float64, ok bool) {
	if len(v) == 0 {
		return 0, false
	}
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2, true
}

// times says how many times as good as the other's the first peer's median is.
func (r *results) times(row row, first, other peer) (t float64, ok bool) {
	a, ok1 := r.samples.median(first.name, row.key)
	b, ok2 := r.samples.median(other.name, row.key)
	if !ok1 || !ok2 || a <= 0 || b <= 0 {
		return 0, false
	}
	if row.lowIsGood {
		return b / a, true
	}
	return a / b, true
}

// machine says in a line what the run was made on and with.
func machine() string {
	var u unix.Utsname
	_ = unix.Uname(&u) // fails only for a bad address
	return fmt.Sprintf("%s, %d CPUs, Linux %s, %s, gVisor %s",
		cpuModel(), runtime.NumCPU(), unix.ByteSliceToString(u.Release[:]), runtime.Version(), gvisorVersion())
}

func cpuModel() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func gvisorVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "of unknown version"
	}
	for _, m := range info.Deps {
		if m.Path == "gvisor.dev/gvisor" {
			return m.Version
		}
	}
	return "of unknown version"
}
