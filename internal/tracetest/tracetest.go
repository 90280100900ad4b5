// Package tracetest listens to a tracer in a test, and checks what all traces have in
// common: every packet sent and every drop has a cause, which was told before, and
// a rule.
package tracetest

import (
	"strings"
	"sync"
	"testing"

	"github.com/tinystack/tinystack/trace"
)

// Log is all events of a test.
type Log struct {
	t  testing.TB
	mu sync.Mutex

	events []*trace.Event
	byID   map[trace.ID]*trace.Event
}

// Listen collects the events of tr until the test ends, and then checks them.
func Listen(t testing.TB, tr *trace.Tracer) *Log {
	l := &Log{t: t, byID: map[trace.ID]*trace.Event{}}
	cancel := tr.Subscribe(l.add)
	t.Cleanup(func() {
		cancel()
		l.check()
	})
	return l
}

func (l *Log) add(e *trace.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID[e.ID] != nil {
		l.t.Errorf("two events have the number %d", e.ID)
	}
	l.events = append(l.events, e)
	l.byID[e.ID] = e
}

// Events returns those that match so far.
func (l *Log) Events(match func(*trace.Event) bool) (found []*trace.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if match(e) {
			found = append(found, e)
		}
	}
	return found
}

// Story returns the event and what led to it, one to a line from the first cause on: node,
// kind, name and rule.
func (l *Log) Story(e *trace.Event) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for ; e != nil; e = l.byID[e.Cause] {
		lines = append([]string{strings.Join([]string{e.Node, e.Kind.String(), e.Name, string(e.Rule)}, " | ")}, lines...)
	}
	return strings.Join(lines, "\n")
}

func (l *Log) check() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Kind != trace.Sent && e.Kind != trace.Dropped {
			continue
		}
		if cause := l.byID[e.Cause]; cause == nil || cause.ID >= e.ID {
			l.t.Errorf("event %d at %s, %v %s %+v, has no cause: %d", e.ID, e.Node, e.Kind, e.Name, e.Packet, e.Cause)
		}
		if e.Rule == "" {
			l.t.Errorf("event %d at %s, %v %s %+v, has no rule", e.ID, e.Node, e.Kind, e.Name, e.Packet)
		}
	}
}
