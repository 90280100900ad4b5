// Package dnsclient finds out what names mean, over any sockets: the kernel's, or
// our stack's. Messages are those of [github.com/miekg/dns].
//
// A [Client] asks one server one question. It takes a new socket and a new id each
// time, accepts as the answer what passes all of RFC 5452's checks, drops and counts
// the rest, and goes on without EDNS or over TCP where it must. A [Cache] remembers
// answers, that there is none, and failures. A [Resolver] answers a question with
// the help of both: a [Stub] asks the servers of a resolv.conf. [Lookup] has the
// methods of *net.Resolver on top of one, with the hosts file and the search list. A
// [Server] answers others' questions by asking one, over UDP and TCP.
//
// # Who owns what
//
// The Client holds no state of servers, only counters. The Cache owns its records:
// what is put in is copied, and who gets an [Entry] gets copies of its own. A Stub has
// a goroutine for each question in flight, which ends when nobody waits for it, and
// after 30 seconds at the latest. A Server closes the sockets it serves; what clients
// can make it hold is bounded by its config. Time is time.Now's, all randomness the
// runtime's unless the config has another.
//
// # Being seen
//
// A [Trace] in the context is told of each message sent, accepted or dropped and of
// what the cache knew; each reason to drop has a counter. Of several who ask the same
// at the same time it is the first one's that is told.
//
// # Left out
//
// DNSSEC validation; DNS over TLS, HTTPS and QUIC; dynamic update and zone transfer.
// The case of letters in questions is not made random (0x20): no RFC has it, and
// servers that answer in lower case would have to be asked twice. TCP connections
// are not reused, cookies (RFC 7873) not sent. Servers that neither answer with EDNS
// nor refuse it are not asked without: since 2019 they are what is to be repaired.
package dnsclient
