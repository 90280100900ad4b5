package ipv4

import (
	"reflect"
	"strings"
	"testing"

	"github.com/tinystack/tinystack/internal/counter"
)

// Each counter of a reason to drop has a rule, and each rule a counter.
func TestDropRules(t *testing.T) {
	t.Parallel()
	var l Layer
	known := map[string]bool{"IpOutNoRoutes": true, "IpOutFragFails": true, "IpOutDiscards": true}
	for prefix, v := range map[string]reflect.Value{"Ip": reflect.ValueOf(&l.stats), "Icmp": reflect.ValueOf(&l.icmpStats)} {
		for _, f := range reflect.VisibleFields(v.Elem().Type()) {
			if strings.HasPrefix(f.Name, "Drop") || strings.HasPrefix(f.Name, "NoError") || strings.HasPrefix(f.Name, "RateLimit") {
				known[prefix+f.Name] = true
			}
		}
	}
	for name := range known {
		if dropRules[name] == "" {
			t.Errorf("%s has no rule", name)
		}
	}
	for name := range dropRules {
		if !known[name] {
			t.Errorf("%s is no reason to drop", name)
		}
	}
	if got := counter.Name(&l.stats, &l.stats.DropTTL); got != "DropTTL" {
		t.Errorf("the counter's name is %q", got)
	}
}
