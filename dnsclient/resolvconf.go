package dnsclient

import (
	"bufio"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a ResolvConf may have at most: as in resolv.conf(5), but for the search list,
// which has no limit there.
const (
	maxServers  = 3
	maxSearch   = 64
	maxNdots    = 15
	maxTimeout  = 30 // seconds
	maxAttempts = 5
)

// ResolvConf is what resolv.conf(5) says: whom to ask, and how names are completed.
// The zero value of each field means the default.
type ResolvConf struct {
	Servers  []netip.AddrPort // whom to ask, in order, 3 at most
	Search   []string         // the domains that names may be short for
	Ndots    int              // dots with which a name is first tried as it is; 0 means 1, negative 0
	Timeout  time.Duration    // how long to wait for each answer; 0 means 5 seconds
	Attempts int              // how often to ask all servers; 0 means 2
	Rotate   bool             // begin with another server each time
	UseTCP   bool             // ask over TCP
	// NoTLDQuery keeps names of one label from being looked up as they are.
	NoTLDQuery bool
}

// ParseResolvConf reads a configuration in the form of resolv.conf(5). As other
// resolvers do, it passes over what it does not understand and cuts what is too
// large; the error is the reader's.
func ParseResolvConf(r io.Reader) (*ResolvConf, error) {
	c := &ResolvConf{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.ContainsAny(line[:1], "#;") {
			continue
		}
		c.set(fields[0], fields[1:])
	}
	return c, lines.Err()
}

func (c *ResolvConf) set(key string, values []string) {
	switch key {
	case "nameserver":
		if len(values) > 0 && len(c.Servers) < maxServers {
			if addr, err := netip.ParseAddr(values[0]); err == nil {
				c.Servers = append(c.Servers, netip.AddrPortFrom(addr, 53))
			}
		}
	case "domain": // of this and search the last one counts
		c.Search = searchList(values[:min(len(values), 1)])
	case "search":
		c.Search = searchList(values)
	case "options":
		for _, option := range values {
			c.setOption(option)
		}
	}
}

// searchList is the domains that names can be completed with.
func searchList(domains []string) (list []string) {
	for _, d := range domains {
		name, err := CanonicalName(d)
		if err == nil && name != "." && !slices.Contains(list, name) && len(list) < maxSearch {
			list = append(list, name)
		}
	}
	return list
}

func (c *ResolvConf) setOption(option string) {
	name, value, _ := strings.Cut(option, ":")
	n, _ := strconv.Atoi(value) // what is no number is 0
	switch name {
	case "ndots":
		if c.Ndots = min(n, maxNdots); n <= 0 {
			c.Ndots = -1
		}
	case "timeout":
		c.Timeout = time.Duration(min(max(n, 1), maxTimeout)) * time.Second
	case "attempts":
		c.Attempts = min(max(n, 1), maxAttempts)
	case "rotate":
		c.Rotate = true
	case "use-vc", "usevc", "tcp": // of Linux, FreeBSD, OpenBSD
		c.UseTCP = true
	case "no-tld-query":
		c.NoTLDQuery = true
	}
}
