package dnsclient_test

import (
	"context"
	"fmt"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
)

// From the Internet's root servers to an address, with each server asked on the way.
func ExampleIterative() {
	r, err := dnsclient.NewIterative(dnsclient.IterativeConfig{})
	check(err)
	ctx := dnsclient.WithTrace(context.Background(), &dnsclient.Trace{
		Step: func(e dnsclient.StepEvent) {
			fmt.Println(e.Zone, "is asked for", e.Question.Name, "at", e.Name, e.Server)
		},
		Referral: func(e dnsclient.ReferralEvent) {
			fmt.Println(e.Zone, "is served by", e.Servers)
		},
	})
	a, err := r.Resolve(ctx, dns.Question{Name: "www.google.com.", Qtype: dns.TypeA})
	check(err)
	fmt.Println(a.Records)
}
