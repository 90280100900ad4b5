package tcp

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	got, err := Config{}.withDefaults()
	want := Config{
		Memory: 512 << 20, ReceiveBuffer: 4 << 20, SendBuffer: 16 << 20, Backlog: 4096, Congestion: CUBIC,
		MinRTO: 200 * ms, MaxRTO: 120 * time.Second, GiveUp: 15 * time.Minute, ConnectTimeout: 3 * time.Minute,
		DelayedAck: 40 * ms, KeepAlive: 15 * time.Second, TimeWait: time.Minute, MaxTimeWait: 65536,
	}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if again, err := got.withDefaults(); err != nil || again != got {
		t.Errorf("the defaults are not taken: %+v, %v", again, err)
	}
}

// "negative disables": no delayed ACK, no keepalive.
func TestConfigNegativeDisables(t *testing.T) {
	t.Parallel()
	cfg, err := Config{DelayedAck: -1, KeepAlive: -1}.withDefaults()
	if err != nil || cfg.DelayedAck >= 0 || cfg.keepAlive().Enable {
		t.Errorf("%+v, %v", cfg, err)
	}
}

// Each field takes the ends of the range its comment tells, and an error names the
// field for what lies beyond them.
func TestConfigRanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		field     string
		low, high int64
		negative  bool // is no error
	}{
		{"Memory", 1 << 20, 1 << 40, true},
		{"ReceiveBuffer", 4096, 16777216, false},
		{"SendBuffer", 4096, 16777216, false},
		{"NotSentLowat", 1, 16777216, false},
		{"Backlog", 1, 65536, false},
		{"ECN", 0, 2, false},
		{"MaxTimeWait", 1, 16777216, false},
		{"MinRTO", int64(ms), int64(60 * time.Second), false},
		{"MaxRTO", int64(time.Second), int64(time.Hour), false},
		{"GiveUp", int64(time.Second), int64(24 * time.Hour), false},
		{"ConnectTimeout", int64(time.Second), int64(24 * time.Hour), false},
		{"DelayedAck", int64(ms), int64(500 * ms), true},
		{"KeepAlive", int64(time.Second), int64(24 * time.Hour), true},
		{"TimeWait", int64(ms), int64(240 * time.Second), false},
	} {
		try := func(v int64) error {
			var cfg Config
			reflect.ValueOf(&cfg).Elem().FieldByName(tt.field).SetInt(v)
			_, err := cfg.withDefaults()
			return err
		}
		for _, v := range []int64{tt.low, tt.high} {
			if err := try(v); err != nil {
				t.Errorf("%s %d: %v", tt.field, v, err)
			}
		}
		bad := []int64{tt.high + 1}
		if tt.low > 1 {
			bad = append(bad, tt.low-1)
		}
		if !tt.negative {
			bad = append(bad, -1)
		}
		for _, v := range bad {
			if err := try(v); err == nil || !strings.Contains(err.Error(), "Config."+tt.field) {
				t.Errorf("%s %d: %v", tt.field, v, err)
			}
		}
	}
	if _, err := (Config{Congestion: "vegas"}).withDefaults(); err == nil {
		t.Error("an unknown congestion control is taken")
	}
	if reflect.TypeFor[Config]().NumField() != 18 { // with Rand and Trace, which take any
		t.Error("a field of Config is not tested here")
	}
}
