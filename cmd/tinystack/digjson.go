package main

import (
	"encoding/json"
	"io"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/dnsclient"
)

// digSchema is the number of the format of dig --json.
const digSchema = 1

// digAnswer is an answer in JSON.
type digAnswer struct {
	Schema     int           `json:"schema"`
	Zone       string        `json:"zone,omitempty"` // of +trace: whose server answered
	Server     string        `json:"server"`
	ServerName string        `json:"server_name"`
	Network    string        `json:"network"`
	QueryTime  int64         `json:"query_time_us"`
	Size       int           `json:"size"`
	ID         uint16        `json:"id"`
	Opcode     string        `json:"opcode"`
	Status     string        `json:"status"`
	Flags      []string      `json:"flags"`
	EDNS       *digEDNS      `json:"edns,omitempty"`
	Question   []digQuestion `json:"question"`
	Answer     []digRecord   `json:"answer"`
	Authority  []digRecord   `json:"authority"`
	Additional []digRecord   `json:"additional"`
}

// digFailure is that there is no answer.
type digFailure struct {
	Schema   int         `json:"schema"`
	Question digQuestion `json:"question"`
	Error    string      `json:"error"`
}

type digEDNS struct {
	Version uint8    `json:"version"`
	UDP     uint16   `json:"udp"`
	DO      bool     `json:"do"`
	EDE     []digEDE `json:"ede,omitempty"`
}

// digEDE is an extended error (RFC 8914).
type digEDE struct {
	Code uint16 `json:"code"`
	Name string `json:"name,omitempty"`
	Text string `json:"text,omitempty"`
}

type digQuestion struct {
	Name  string `json:"name"`
	Class string `json:"class"`
	Type  string `json:"type"`
}

type digRecord struct {
	Name  string `json:"name"`
	TTL   uint32 `json:"ttl"`
	Class string `json:"class"`
	Type  string `json:"type"`
	Data  string `json:"data"`
}

func writeJSON(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

func jsonReply(r *dnsclient.Reply, serverName string) digAnswer {
	m := r.Msg
	a := digAnswer{
		Schema: digSchema, Server: r.Server.String(), ServerName: serverName, Network: r.Network,
		QueryTime: r.RTT.Microseconds(), Size: r.Size, ID: m.Id,
		Opcode: opcodeName(m.Opcode), Status: rcodeName(m.Rcode), Flags: flagNames(m), EDNS: jsonEDNS(m.IsEdns0()),
		Question: []digQuestion{}, Answer: jsonRecords(m.Answer),
		Authority: jsonRecords(m.Ns), Additional: jsonRecords(withoutOPT(m.Extra)),
	}
	for _, q := range m.Question {
		a.Question = append(a.Question, jsonQuestion(q))
	}
	return a
}

func jsonQuestion(q dns.Question) digQuestion {
	return digQuestion{dns.Fqdn(q.Name), className(q.Qclass), typeName(q.Qtype)}
}

func jsonRecords(records []dns.RR) []digRecord {
	list := []digRecord{} // not null
	for _, rr := range records {
		h := rr.Header()
		list = append(list, digRecord{h.Name, h.Ttl, className(h.Class), typeName(h.Rrtype), recordData(rr)})
	}
	return list
}

func jsonEDNS(opt *dns.OPT) *digEDNS {
	if opt == nil {
		return nil
	}
	e := &digEDNS{Version: opt.Version(), UDP: opt.UDPSize(), DO: opt.Do()}
	for _, option := range opt.Option {
		if o, ok := option.(*dns.EDNS0_EDE); ok {
			e.EDE = append(e.EDE, digEDE{o.InfoCode, dns.ExtendedErrorCodeToString[o.InfoCode], o.ExtraText})
		}
	}
	return e
}
