// Package httpd is the HTTP server of tinystack: a page that tells the visitor
// what just happened on the connection, static files, and endpoints to measure
// with. It runs on net/http over any [net.Listener], the kernel's too, and
// imports no other package of the project: what it tells of a connection comes
// through [Config].ConnInfo.
//
// # What is where
//
//	/            the root directory's index.html; without one the welcome page, with
//	             a list of the directory; without a directory the welcome page
//	/welcome     the welcome page: HTML, or plain text where Accept prefers that
//	/hello       "hello\n", as cheaply as net/http can
//	/bytes/{n}   n bytes, of which byte i is i mod 251; n is 0 to 2^40, in digits,
//	             which KiB, MiB or GiB may follow. ETag and ranges as for a file
//	/metrics     what [Config].Metrics answers, where it is set
//	/upload      POST or PUT: reads the body, keeps nothing, answers with the lines
//	             "bytes: n", "sha256: hex" and "seconds: s"
//	/...         the file or directory of that name
//
// These names come before the directory's. All but /upload allow GET, HEAD and
// OPTIONS; what is not allowed gets 405 with Allow, whether the path names
// anything or not.
//
// # Files
//
// They are opened through an [os.Root]. A path with an element that is empty,
// ".", ".." or starts with a dot is a 404, decoded or not, and so is a symlink
// that leads out of the directory, or to a dotfile, and whatever is neither a
// regular file nor a directory. A file is sent as long as it was when it was
// opened; if it gets shorter meanwhile, the connection breaks off, so that the
// client knows. A directory lists its first 10,000 entries.
//
// ETags are strong: the SHA-256 of the content up to 16 MiB, remembered by device,
// inode, size, modification and change time, once the change time is 2 s old (before
// that, one more change might not show in it). Above 16 MiB the tag is made of those
// values themselves; for the first 2 s it is weak. Systems without change times
// hash each time, and have weak tags only above 16 MiB. Overwriting a file in place
// while it is sent sends a mixture; renaming a new one over it does not.
//
// Text and the like of 1 KiB to 8 MiB is sent in gzip to who accepts it (RFC 9110
// section 12.5.3), with an ETag of its own. Ranges are of the plain bytes; up to 32 in
// a request.
//
// # Time and memory
//
// A request's header, each 64 KiB either way, and the wait between requests have
// their time (see [Config]): a client that stalls is dropped, one that is slow is
// not. A body is never held in memory.
//
// # Left out
//
// TLS, HTTP/2, and limits on the number of connections, which belong to the
// listener. Requests that net/http refuses before they reach a handler (400, 431)
// are not in the access log.
//
// # Who owns what
//
// Server owns its connections and the root it opened. Everything else belongs to
// one request, but for the cache of ETags and the access log, each with its mutex.
package httpd
