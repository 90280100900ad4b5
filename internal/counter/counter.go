// Package counter reads structs of counters that other goroutines add to. Such a
// struct has uint64 fields only, or structs of these, and is written with [Add].
package counter

import (
	"reflect"
	"sync/atomic"
)

// Add adds n to the counter.
func Add(c *uint64, n uint64) { atomic.AddUint64(c, n) }

// Inc adds one to the counter.
func Inc(c *uint64) { atomic.AddUint64(c, 1) }

// Snapshot copies the struct of counters at p, each field read atomically.
func Snapshot[T any](p *T) (s T) {
	load(reflect.ValueOf(p).Elem(), reflect.ValueOf(&s).Elem())
	return s
}

func load(from, to reflect.Value) {
	for i := range from.NumField() {
		if from.Field(i).Kind() == reflect.Struct {
			load(from.Field(i), to.Field(i))
			continue
		}
		c := from.Field(i).Addr().Interface().(*uint64)
		to.Field(i).SetUint(atomic.LoadUint64(c))
	}
}

// Name returns the name of the field of the struct at p that c points to, "" if it is none.
func Name[T any](p *T, c *uint64) string {
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		if v.Field(i).Addr().Interface().(*uint64) == c {
			return v.Type().Field(i).Name
		}
	}
	return ""
}
