package link

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseImpair(t *testing.T) {
	t.Parallel()
	got, err := ParseImpair("loss=1%, delay=10ms,jitter=2ms,rate=1.5mbit,queue=50ms,ecn=5ms,reorder=0.25%,gap=4,late=2%,lateby=5ms,dup=100%,corrupt=3%,seed=7")
	if err != nil {
		t.Fatal(err)
	}
	want := ImpairConfig{Seed: 7, Impairment: Impairment{
		Loss: 0.01, Delay: 10 * time.Millisecond, Jitter: 2 * time.Millisecond,
		Rate: 1_500_000, Queue: 50 * time.Millisecond, MarkAt: 5 * time.Millisecond,
		Reorder: 0.0025, ReorderGap: 4, Late: 0.02, LateBy: 5 * time.Millisecond, Duplicate: 1, Corrupt: 0.03,
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("parsed as\n%+v, want\n%+v", got, want)
	}
	const text = "loss=1%,delay=10ms,jitter=2ms,rate=1500kbit,queue=50ms,ecn=5ms,reorder=0.25%,gap=4,late=2%,lateby=5ms,dup=100%,corrupt=3%,seed=7"
	if s := got.String(); s != text {
		t.Errorf("String() = %s, want %s", s, text)
	}
}

func TestParseImpairDirections(t *testing.T) {
	t.Parallel()
	c, err := ParseImpair("out.loss=5%,loss=1%,delay=3ms,in.delay=0s")
	if err != nil {
		t.Fatal(err)
	}
	out, in := c.direction(c.Out), c.direction(c.In)
	if out.Loss != 0.05 || out.Delay != 3*time.Millisecond {
		t.Errorf("out is %+v, want 5%% loss, 3ms", out)
	}
	if in.Loss != 0.01 || in.Delay != 0 {
		t.Errorf("in is %+v, want 1%% loss, no delay", in)
	}
	if got, want := c.String(), "loss=1%,delay=3ms,in.delay=0s,out.loss=5%"; got != want {
		t.Errorf("String() = %s, want %s", got, want)
	}
}

func TestParseImpairEmpty(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", " "} {
		if c, err := ParseImpair(s); err != nil || !reflect.DeepEqual(c, ImpairConfig{}) {
			t.Errorf("%q: %+v, %v; want the zero value", s, c, err)
		}
	}
}

// An error names the key, what was given, and what may be.
func TestParseImpairErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"loss", `"loss": must be key=value`},
		{"loss=1%,,", `"": must be key=value`},
		{"loss=1", "loss=1: must be 0% to 100%, as 1%"},
		{"loss=101%", "loss=101%: must be 0% to 100%, as 1%"},
		{"dup=-1%", "dup=-1%: must be 0% to 100%, as 1%"},
		{"corrupt=NaN%", "corrupt=NaN%: must be 0% to 100%, as 1%"},
		{"reorder=%", "reorder=%: must be 0% to 100%, as 1%"},
		{"delay=10", "delay=10: must be 0s to 1m, as 10ms"},
		{"delay=61s", "delay=1m1s: must be 0s to 1m"},
		{"delay=-1ms", "delay=-1ms: must be 0s to 1m"},
		{"jitter=2ms", "jitter=2ms: must be 0s to the delay"},
		{"delay=1ms,jitter=2ms", "jitter=2ms: must be 0s to the delay"},
		{"rate=100", "rate=100: must be 1kbit to 1tbit"},
		{"rate=999bit", "rate=999bit: must be 1kbit to 1tbit"},
		{"rate=1.1tbit", "rate=1100gbit: must be 1kbit to 1tbit"},
		{"rate=infbit", "rate=infbit: must be 1kbit to 1tbit"},
		{"rate=-5mbit", "rate=-5mbit: must be 1kbit to 1tbit"},
		{"queue=1ms", "queue=1ms: must be 0s to 1m, as 50ms, and only with a rate"},
		{"ecn=5ms", "ecn=5ms: must be 0s to 1m, as 5ms, and only with a rate"},
		{"gap=1001", "gap=1001: must be 1 to 1000 packets"},
		{"gap=x", "gap=x: must be 1 to 1000 packets"},
		{"seed=-1", "seed=-1: must be 0 to 18446744073709551615"},
		{"out.loss=200%", "out.loss=200%: must be 0% to 100%, as 1%"},
		{"in.seed=1", `"in.seed" is unknown; there are loss, delay`},
		{"lose=1%", `"lose" is unknown; there are loss, delay`},
		{"loss=1%,loss=2%", "loss: given twice"},
	} {
		_, err := ParseImpair(c.in)
		if err == nil || !strings.HasPrefix(err.Error(), "link: impairment ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.in, err, c.want)
		}
	}
}

// What is refused on a command line is refused in Go.
func TestImpairRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg  ImpairConfig
		want string
	}{
		{ImpairConfig{Impairment: Impairment{Loss: 1.5}}, "loss=150%: must be 0% to 100%, as 1%"},
		{ImpairConfig{Impairment: Impairment{Corrupt: -1}}, "corrupt=-100%: must be"},
		{ImpairConfig{In: &Impairment{Delay: -1}}, "in.delay=-1ns: must be"},
		{ImpairConfig{Out: &Impairment{Rate: 5}}, "out.rate=5bit: must be"},
		{ImpairConfig{Impairment: Impairment{ReorderGap: -1}}, "gap=-1: must be"},
	} {
		a, _ := Pair(PairConfig{})
		if _, err := Impair(a, c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.cfg, err, c.want)
		}
	}
}

// Whatever is accepted: String says it in a way that is accepted as the same.
func FuzzParseImpair(f *testing.F) {
	f.Add("loss=1%,delay=10ms,jitter=2ms,rate=100mbit,queue=50ms,ecn=5ms,reorder=1%,gap=3,late=1%,lateby=3ms,dup=1%,corrupt=1%,seed=7")
	f.Add("out.loss=0.000123456789%,in.rate=1.0005mbit,rate=0bit")
	f.Add("loss=33.333333333333336%,out.delay=1h")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseImpair(s)
		if err != nil {
			return
		}
		again, err := ParseImpair(c.String())
		if err != nil {
			t.Fatalf("%q became %q: %v", s, c, err)
		}
		if c.String() != again.String() || c.Seed != again.Seed ||
			!reflect.DeepEqual(c.direction(c.In), again.direction(again.In)) ||
			!reflect.DeepEqual(c.direction(c.Out), again.direction(again.Out)) {
			t.Errorf("%q became %q, which is something else", s, c)
		}
	})
}
