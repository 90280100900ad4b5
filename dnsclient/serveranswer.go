package dnsclient

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/counter"
)

// answerTimeout is how long a resolver may take: no client waits longer.
const answerTimeout = 30 * time.Second

func isResponse(msg []byte) bool { return msg[2]&(1<<7) != 0 }

// answer returns the answer to a message; nil is none.
func (s *Server) answer(client netip.AddrPort, network string, msg []byte) []byte {
	switch {
	case len(msg) < headerLen:
		counter.Inc(&s.stats.DropShort)
		return nil
	case isResponse(msg): // two servers could go on for ever
		counter.Inc(&s.stats.DropResponse)
		return nil
	}
	request, err := parse(msg)
	x := &exchanged{server: s, client: client, network: network, began: time.Now(), request: request, reply: new(dns.Msg)}
	x.reply.SetReply(x.request)
	x.reply.RecursionAvailable = true
	if err == nil {
		x.addEDNS()
	} else {
		x.reply.Question = nil // there may be half of one
	}
	x.decide(err)
	return x.pack()
}

// exchanged is a question of a client and its answer.
type exchanged struct {
	server         *Server
	client         netip.AddrPort
	network        string
	began          time.Time
	request, reply *dns.Msg
	stale          bool
}

// addEDNS answers EDNS with EDNS (RFC 6891 6.1.1).
func (x *exchanged) addEDNS() {
	if opt := x.request.IsEdns0(); opt != nil {
		x.reply.SetEdns0(uint16(x.server.cfg.UDPSize), opt.Do()) // RFC 3225 3
	}
}

// decide fills the reply; malformed is what is wrong with the request.
func (x *exchanged) decide(malformed error) {
	r := x.request
	switch opt := r.IsEdns0(); {
	case !x.server.admitted(x.client):
		x.fail(dns.RcodeRefused, &ExtendedError{Code: dns.ExtendedErrorCodeProhibited})
	case malformed != nil:
		x.fail(dns.RcodeFormatError)
	case r.Opcode != dns.OpcodeQuery:
		x.fail(dns.RcodeNotImplemented)
	case len(r.Question) != 1 || options(r) > 1: // RFC 9619 4, RFC 6891 6.1.1
		x.fail(dns.RcodeFormatError)
	case opt != nil && opt.Version() != 0:
		x.fail(dns.RcodeBadVers) // RFC 6891 6.1.3
	case r.Question[0].Qclass != dns.ClassINET:
		x.fail(dns.RcodeRefused, &ExtendedError{Code: dns.ExtendedErrorCodeNotSupported, Text: "class"})
	case r.Question[0].Qtype == dns.TypeANY:
		x.any()
	case isMeta(r.Question[0].Qtype):
		x.fail(dns.RcodeNotImplemented, &ExtendedError{Code: dns.ExtendedErrorCodeNotSupported, Text: "type"})
	case !r.RecursionDesired:
		x.fail(dns.RcodeRefused, &ExtendedError{Code: dns.ExtendedErrorCodeNotAuthoritative}) // RFC 8914 4.21
	default:
		x.resolve()
	}
}

// options counts the OPT records.
func options(m *dns.Msg) (n int) {
	for _, rr := range m.Extra {
		if rr.Header().Rrtype == dns.TypeOPT {
			n++
		}
	}
	return n
}

// resolve asks the resolver.
func (x *exchanged) resolve() {
	ctx, cancel := context.WithTimeout(x.server.ctx, answerTimeout)
	defer cancel()
	a, err := x.server.cfg.Resolver.Resolve(ctx, x.request.Question[0])
	if err != nil {
		ext := AsExtendedError(err)
		reasons := []*ExtendedError{ext}
		if ext.Code == dns.ExtendedErrorCodeCachedError && ext.Err != nil {
			reasons = append(reasons, AsExtendedError(ext.Err))
		}
		x.fail(dns.RcodeServerFailure, reasons...)
		return
	}
	x.reply.Rcode, x.reply.Answer, x.reply.Ns = a.Rcode, a.Records, a.Authority
	switch x.stale = a.Stale; {
	case a.Stale && a.Rcode == dns.RcodeNameError:
		x.explain(&ExtendedError{Code: dns.ExtendedErrorCodeStaleNXDOMAINAnswer})
	case a.Stale:
		x.explain(&ExtendedError{Code: dns.ExtendedErrorCodeStaleAnswer})
	}
}

// any answers a question for all there is with next to nothing (RFC 8482 4.2): it is
// what those ask who want a long answer sent to somebody else.
func (x *exchanged) any() {
	hdr := dns.RR_Header{Name: x.request.Question[0].Name, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: 3600}
	x.reply.Answer = []dns.RR{&dns.HINFO{Hdr: hdr, Cpu: "RFC8482"}}
}

// fail makes the reply an error, with reasons.
func (x *exchanged) fail(rcode int, reasons ...*ExtendedError) {
	x.reply.Rcode = rcode
	x.explain(reasons...)
}

// explain adds reasons, where the client understands them (RFC 8914 3).
func (x *exchanged) explain(reasons ...*ExtendedError) {
	opt := x.reply.IsEdns0()
	if opt == nil {
		return
	}
	for _, r := range reasons {
		text := strings.ToValidUTF8(r.Text[:min(len(r.Text), maxExtraText)], "")
		opt.Option = append(opt.Option, &dns.EDNS0_EDE{InfoCode: r.Code, ExtraText: text})
	}
}

// pack counts the reply and makes it bytes, no more than the client takes.
func (x *exchanged) pack() []byte {
	x.reply.Truncate(x.limit())
	x.reply.Compress = true // which Truncate leaves out where it need not be
	b, err := x.reply.Pack()
	if err != nil { // a record that can't be sent
		x.reply.Answer, x.reply.Ns = nil, nil
		x.fail(dns.RcodeServerFailure)
		if b, err = x.reply.Pack(); err != nil {
			return nil
		}
	}
	x.count()
	if t := x.server.cfg.Trace; t != nil && t.Served != nil {
		t.Served(ServedEvent{x.client, x.network, x.request, x.reply, time.Since(x.began)})
	}
	return b
}

// limit is the longest answer in bytes.
func (x *exchanged) limit() int {
	opt := x.request.IsEdns0()
	switch {
	case x.network == "tcp":
		return dns.MaxMsgSize
	case opt == nil:
		return dns.MinMsgSize
	}
	return min(max(int(opt.UDPSize()), dns.MinMsgSize), x.server.cfg.UDPSize)
}

func (x *exchanged) count() {
	stats := &x.server.stats
	if x.reply.Truncated {
		counter.Inc(&stats.Truncated)
	}
	switch x.reply.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
		counter.Inc(&stats.Answers)
		if x.reply.Rcode == dns.RcodeNameError {
			counter.Inc(&stats.NXDomain)
		}
		if x.stale {
			counter.Inc(&stats.Stale)
		}
	case dns.RcodeServerFailure:
		counter.Inc(&stats.ServFail)
	case dns.RcodeRefused:
		counter.Inc(&stats.Refused)
	case dns.RcodeFormatError, dns.RcodeBadVers:
		counter.Inc(&stats.FormErr)
	case dns.RcodeNotImplemented:
		counter.Inc(&stats.NotImp)
	}
}
