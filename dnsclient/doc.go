// Package dnsclient finds out what names mean, over any sockets: the kernel's, or
// our stack's. Messages are those of [github.com/miekg/dns].
//
// A [Client] asks one server one question. It takes a new socket and a new id each
// time, accepts as the answer what passes all of RFC 5452's checks, drops and counts
// the rest, and goes on without EDNS or over TCP where it must. A [Cache] remembers
// answers, that there is none, and failures. A [Resolver] answers a question with
// the help of both: a [Stub] asks the servers of a resolv.conf, an [Iterative] does
// their work itself, from the root servers on. [Lookup] has the methods of
// *net.Resolver on top of one, with the hosts file and the search list. A [Server]
// answers others' questions by asking one, over UDP and TCP.
//
// # The way down
//
// An Iterative asks the servers of the closest zone whose servers it knows, and
// follows their referrals, until one answers:
//
//	front.go      the cache, merged questions, stale answers: what the Stub has too
//	descent.go    the steps down to one name; minimise.go: how much of it they show
//	zone.go       one zone's servers, one after another; query.go: one of them
//	classify.go   what an answer means, and which of its records are believed
//	cut.go        a zone's servers; closest.go: those known; roots.go: the first ones
//	peer.go       a server's round trip and silence; peers.go: the table of them
//	store.go      what is kept, with which rank and for how long
//	task.go       the bounds on what one question may cause
//
// A server asked about a zone is believed what is in that zone, and no more, be it a
// CNAME's target or the address of a name server. Such addresses, and the NS records
// of referrals, are in the cache with a rank too low for an answer (RFC 2181 5.4.1);
// the zone's own NS records replace the referral's, but last no longer. Servers that
// are lame, or silent, are left alone for a time. One question is no more than 100
// queries, each of up to three messages, 4 lookups for the servers of a zone, 6 that
// wait for each other, and 16 aliases.
//
// # Who owns what
//
// The Client holds no state of servers, only counters; what an Iterative knows of their
// round trips it keeps of the last 4096. The Cache owns its records: what is put in is
// copied, and who gets an [Entry] gets copies of its own. A resolver has a goroutine for
// each question in flight, an Iterative one more for each query; they end when nobody
// waits for them, a Stub's after 30 seconds at the latest, an Iterative's after 10. A
// Server closes the sockets it serves; what clients can make it hold is bounded by its
// config. Time is time.Now's, all randomness the runtime's unless the config has another.
//
// # Being seen
//
// A [Trace] in the context is told of each message sent, accepted or dropped and of
// what the cache knew; each reason to drop has a counter. Of several who ask the same
// at the same time it is the first one's that is told.
//
// # Left out
//
// DNSSEC: nothing is validated, nor are signatures asked for to be passed on, nor is
// what NSEC says made use of (RFC 8198). DNAME records, of which the CNAMEs that come
// along are used. DNS over TLS, HTTPS and QUIC; dynamic update and zone transfer;
// cookies (RFC 7873); TCP connections kept for a next question.
//
// The case of letters in questions is not made random (0x20): no RFC has it, and servers
// that answer in lower case would have to be asked twice. Servers that neither answer
// with EDNS nor refuse it are not asked without: since 2019 they are what is to be
// repaired. Of lookups the hosts file and DNS are all there is: no mDNS, no
// nsswitch.conf, and addresses are not sorted (RFC 6724).
package dnsclient
