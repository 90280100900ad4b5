// Package tracehttp tells of HTTP requests and responses as events (package trace): a
// server's by [Handler], a client's by [Transport]. Over connections of the stack the
// events know the segments that led to them, and what is sent then is because of
// them ([trace.Endpoint]).
//
// It owns nothing but what belongs to one request. Bodies are counted, not told.
package tracehttp
