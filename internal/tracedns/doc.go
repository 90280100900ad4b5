// Package tracedns tells of questions to name servers and their answers as events
// (package trace): what a resolver asks and what its cache knew, by [Resolver] or
// [Context], and what comes to a server and what it answers, by [Server].
//
// Over sockets of the stack the events know the datagrams that led to them, and what is
// sent then is because of them ([trace.Endpoint]). A resolver's questions follow from the
// one that came to the server it works for.
//
// A [Server] remembers the questions it has not answered yet, at most 1024. What a server
// is asked over TCP is told as segments, not as questions.
package tracedns
