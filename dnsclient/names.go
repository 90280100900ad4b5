package dnsclient

import "github.com/miekg/dns"

// inZone reports whether the name is the zone's or below it.
func inZone(zone, name string) bool { return dns.IsSubDomain(zone, name) }

// below reports whether the name is below the zone, and not its own.
func below(zone, name string) bool {
	return inZone(zone, name) && dns.CountLabel(name) > dns.CountLabel(zone)
}

// lastLabels returns the last n labels of a name, "." if there are none.
func lastLabels(name string, n int) string {
	if n == 0 {
		return "."
	}
	starts := dns.Split(name)
	return name[starts[len(starts)-n]:]
}

// parent returns the name without its first label; the root's is the root.
func parent(name string) string {
	start, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[start:]
}

// inet is the question for a name's records of a type.
func inet(name string, qtype uint16) dns.Question {
	return dns.Question{Name: name, Qtype: qtype, Qclass: dns.ClassINET}
}
