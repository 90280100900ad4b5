package lab

import (
	"net/netip"
	"time"
)

// nodeSpec is a host or router of the lab.
type nodeSpec struct {
	name   string
	role   string // for people
	router bool
	routes []routeSpec
	zones  []string // that it is a name server of
}

// routeSpec is a route beside those to the node's own subnets.
type routeSpec struct{ dst, gateway string }

// nodeSpecs are the lab's nodes, in the order of the way from the host to the web server
// and then of the name servers, as one meets them.
var nodeSpecs = []nodeSpec{
	{name: "host", role: "the host with the browser", routes: []routeSpec{{"0.0.0.0/0", "192.0.2.1"}}},
	{
		name: "home", role: "the home router", router: true,
		routes: []routeSpec{{"0.0.0.0/0", "198.51.100.1"}},
	},
	{
		name: "isp", role: "the provider's router", router: true,
		routes: []routeSpec{{"192.0.2.0/28", "198.51.100.2"}, {"203.0.113.0/24", "198.18.0.1"}, {"0.0.0.0/0", "198.18.0.1"}},
	},
	{ // which knows all networks, and has no default route
		name: "core", role: "a backbone router", router: true,
		routes: []routeSpec{{"192.0.2.0/24", "198.18.0.2"}, {"198.51.100.0/24", "198.18.0.2"}, {"203.0.113.0/24", "198.18.0.6"}},
	},
	{
		name: "edge", role: "Google's border router", router: true,
		routes: []routeSpec{{"0.0.0.0/0", "198.18.0.5"}},
	},
	{name: "web", role: "the web server", routes: []routeSpec{{"0.0.0.0/0", "203.0.113.65"}}},
	{name: "resolver", role: "the provider's resolver", routes: []routeSpec{{"0.0.0.0/0", "198.51.100.49"}}},
	{
		name: "root", role: "a root server", routes: []routeSpec{{"0.0.0.0/0", "198.18.1.1"}},
		zones: []string{".", "root-servers.net."},
	},
	{
		name: "com", role: "the name server of com", routes: []routeSpec{{"0.0.0.0/0", "198.18.2.1"}},
		zones: []string{"com.", "net.", "gtld-servers.net."},
	},
	{
		name: "ns", role: "the name server of google.com", routes: []routeSpec{{"0.0.0.0/0", "203.0.113.1"}},
		zones: []string{"google.com."},
	},
}

// wireSpec is a wire. Its end a is the one nearer to the host.
type wireSpec struct {
	name  string
	a, b  endSpec
	delay time.Duration // one way; no two are the same, nor the sum of others
	rate  int64         // bit/s
}

// endSpec is where a wire ends: at an interface of a node.
type endSpec struct {
	node, device string
	addrs        []string
}

const (
	mbit = 1_000_000
	gbit = 1000 * mbit
)

var wireSpecs = []wireSpec{
	{
		"lan",
		endSpec{"host", "eth0", []string{"192.0.2.10/28"}},
		endSpec{"home", "lan", []string{"192.0.2.1/28"}},
		500 * time.Microsecond, gbit,
	},
	{
		"access",
		endSpec{"home", "wan", []string{"198.51.100.2/30"}},
		endSpec{"isp", "access", []string{"198.51.100.1/30"}},
		5 * time.Millisecond, 100 * mbit,
	},
	{
		"isp",
		endSpec{"isp", "servers", []string{"198.51.100.49/29"}},
		endSpec{"resolver", "eth0", []string{"198.51.100.53/29"}},
		310 * time.Microsecond, 10 * gbit,
	},
	{
		"backbone",
		endSpec{"isp", "transit", []string{"198.18.0.2/30"}},
		endSpec{"core", "isp", []string{"198.18.0.1/30"}},
		10 * time.Millisecond, 10 * gbit,
	},
	{
		"root",
		endSpec{"core", "root", []string{"198.18.1.1/29"}},
		endSpec{"root", "eth0", []string{"198.18.1.4/29"}},
		2137 * time.Microsecond, 10 * gbit,
	},
	{
		"com",
		endSpec{"core", "com", []string{"198.18.2.1/29"}},
		endSpec{"com", "eth0", []string{"198.18.2.5/29", "198.18.2.6/29"}},
		3371 * time.Microsecond, 10 * gbit,
	},
	{
		"peering",
		endSpec{"core", "google", []string{"198.18.0.5/30"}},
		endSpec{"edge", "core", []string{"198.18.0.6/30"}},
		12 * time.Millisecond, 10 * gbit,
	},
	{
		"ns",
		endSpec{"edge", "ns", []string{"203.0.113.1/28"}},
		endSpec{"ns", "eth0", []string{"203.0.113.10/28", "203.0.113.11/28"}},
		433 * time.Microsecond, 10 * gbit,
	},
	{
		"web",
		endSpec{"edge", "web", []string{"203.0.113.65/27"}},
		endSpec{"web", "eth0", []string{"203.0.113.80/27"}},
		271 * time.Microsecond, 10 * gbit,
	},
}

// Where the services are that a node must know of.
var (
	homeDNS = netip.MustParseAddrPort("192.0.2.1:53")
	ispDNS  = netip.MustParseAddrPort("198.51.100.53:53")
	rootDNS = netip.MustParseAddr("198.18.1.4")
)
