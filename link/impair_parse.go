package link

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	maxDelay      = time.Minute
	maxReorderGap = 1000
	minRate       = 1000
	maxRate       = 1_000_000_000_000
)

// impairKey is a key of ParseImpair, and the field it stands for.
type impairKey struct {
	name   string
	want   string // what a value must be, in words
	parse  func(i *Impairment, value string) bool
	format func(i *Impairment) string
	ok     func(i *Impairment) bool // the value is within the range
}

var impairKeys = []*impairKey{
	probabilityKey("loss", func(i *Impairment) *float64 { return &i.Loss }),
	durationKey("delay", func(i *Impairment) *time.Duration { return &i.Delay }),
	jitterKey(),
	rateKey(),
	queueKey("queue", "50ms", func(i *Impairment) *time.Duration { return &i.Queue }),
	queueKey("ecn", "5ms", func(i *Impairment) *time.Duration { return &i.MarkAt }),
	probabilityKey("reorder", func(i *Impairment) *float64 { return &i.Reorder }),
	gapKey(),
	probabilityKey("late", func(i *Impairment) *float64 { return &i.Late }),
	durationKey("lateby", func(i *Impairment) *time.Duration { return &i.LateBy }),
	probabilityKey("dup", func(i *Impairment) *float64 { return &i.Duplicate }),
	probabilityKey("corrupt", func(i *Impairment) *float64 { return &i.Corrupt }),
}

func probabilityKey(name string, field func(*Impairment) *float64) *impairKey {
	return &impairKey{
		name: name,
		want: "0% to 100%, as 1%",
		parse: func(i *Impairment, s string) (ok bool) {
			*field(i), ok = parsePercent(s)
			return ok
		},
		format: func(i *Impairment) string { return formatPercent(*field(i)) },
		ok:     func(i *Impairment) bool { return *field(i) >= 0 && *field(i) <= 1 },
	}
}

func durationKey(name string, field func(*Impairment) *time.Duration) *impairKey {
	return &impairKey{
		name: name,
		want: "0s to 1m, as 10ms",
		parse: func(i *Impairment, s string) bool {
			d, err := time.ParseDuration(s)
			*field(i) = d
			return err == nil
		},
		format: func(i *Impairment) string { return field(i).String() },
		ok:     func(i *Impairment) bool { return *field(i) >= 0 && *field(i) <= maxDelay },
	}
}

func jitterKey() *impairKey {
	k := durationKey("jitter", func(i *Impairment) *time.Duration { return &i.Jitter })
	k.want = "0s to the delay, as 2ms"
	k.ok = func(i *Impairment) bool { return i.Jitter >= 0 && i.Jitter <= i.Delay }
	return k
}

// queueKey is a time in the queue, which there is only with a rate.
func queueKey(name, example string, field func(*Impairment) *time.Duration) *impairKey {
	k := durationKey(name, field)
	k.want = "0s to 1m, as " + example + ", and only with a rate"
	inRange := k.ok
	k.ok = func(i *Impairment) bool { return inRange(i) && (*field(i) == 0 || i.Rate != 0) }
	return k
}

func rateKey() *impairKey {
	return &impairKey{
		name: "rate",
		want: "1kbit to 1tbit, as 100mbit, or 0bit for no limit",
		parse: func(i *Impairment, s string) (ok bool) {
			i.Rate, ok = parseRate(s)
			return ok
		},
		format: func(i *Impairment) string { return formatRate(i.Rate) },
		ok:     func(i *Impairment) bool { return i.Rate == 0 || i.Rate >= minRate && i.Rate <= maxRate },
	}
}

func gapKey() *impairKey {
	return &impairKey{
		name: "gap",
		want: "1 to 1000 packets, or 0 for the default",
		parse: func(i *Impairment, s string) bool {
			n, err := strconv.Atoi(s)
			i.ReorderGap = n
			return err == nil
		},
		format: func(i *Impairment) string { return strconv.Itoa(i.ReorderGap) },
		ok:     func(i *Impairment) bool { return i.ReorderGap >= 0 && i.ReorderGap <= maxReorderGap },
	}
}

// ParseImpair reads an impairment as a command line has it:
//
//	loss=1%,delay=10ms,jitter=2ms,rate=100mbit,queue=50ms,ecn=5ms,reorder=1%,gap=3,late=1%,lateby=3ms,dup=1%,corrupt=1%,seed=7
//
// All keys may be left out. A key holds for both directions; after "in." or
// "out." for that one alone. Rates are in bit, kbit, mbit, gbit or tbit a second.
// An error names the key and its range.
func ParseImpair(s string) (ImpairConfig, error) {
	var c ImpairConfig
	items, err := splitItems(s)
	if err != nil {
		return c, err
	}
	for _, it := range items {
		if it.prefix == "" {
			if err := c.set(&c.Impairment, it); err != nil {
				return c, err
			}
		}
	}
	// What one direction has of its own is put on top of what both have.
	for _, it := range items {
		if it.prefix != "" {
			if err := c.set(c.own(it.prefix), it); err != nil {
				return c, err
			}
		}
	}
	return c, c.validate()
}

// own returns the impairment of one direction, to change.
func (c *ImpairConfig) own(prefix string) *Impairment {
	field := &c.In
	if prefix == "out." {
		field = &c.Out
	}
	if *field == nil {
		both := c.Impairment
		*field = &both
	}
	return *field
}

type impairItem struct{ prefix, name, value string }

func splitItems(s string) (items []impairItem, err error) {
	seen := map[string]bool{}
	for part := range strings.SplitSeq(s, ",") {
		if strings.TrimSpace(s) == "" {
			break
		}
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return nil, fmt.Errorf("link: impairment %q: must be key=value", part)
		}
		if seen[key] {
			return nil, fmt.Errorf("link: impairment %s: given twice", key)
		}
		seen[key] = true
		it := impairItem{name: key, value: value}
		for _, prefix := range []string{"in.", "out."} {
			if name, ok := strings.CutPrefix(key, prefix); ok {
				it.prefix, it.name = prefix, name
			}
		}
		items = append(items, it)
	}
	return items, nil
}

func (c *ImpairConfig) set(i *Impairment, it impairItem) error {
	for _, k := range impairKeys {
		if k.name != it.name {
			continue
		}
		if !k.parse(i, it.value) {
			return k.rangeError(it.prefix, it.value)
		}
		return nil
	}
	if it.name != "seed" || it.prefix != "" {
		return fmt.Errorf("link: impairment %q is unknown; there are %s", it.prefix+it.name, impairNames())
	}
	seed, err := strconv.ParseUint(it.value, 10, 64)
	if err != nil {
		return fmt.Errorf("link: impairment seed=%s: must be 0 to %d", it.value, uint64(math.MaxUint64))
	}
	c.Seed = seed
	return nil
}

func impairNames() string {
	var names []string
	for _, k := range impairKeys {
		names = append(names, k.name)
	}
	return strings.Join(names, ", ") + " and seed"
}

// String returns what ParseImpair reads as c. It leaves out what is by a Match.
func (c ImpairConfig) String() string {
	parts := changes("", &c.Impairment, &Impairment{})
	if c.In != nil {
		parts = append(parts, changes("in.", c.In, &c.Impairment)...)
	}
	if c.Out != nil {
		parts = append(parts, changes("out.", c.Out, &c.Impairment)...)
	}
	if c.Seed != 0 {
		parts = append(parts, "seed="+strconv.FormatUint(c.Seed, 10))
	}
	return strings.Join(parts, ",")
}

// changes returns, as key=value, what i has other than from.
func changes(prefix string, i, from *Impairment) (parts []string) {
	for _, k := range impairKeys {
		if v := k.format(i); v != k.format(from) {
			parts = append(parts, prefix+k.name+"="+v)
		}
	}
	return parts
}
