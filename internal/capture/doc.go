// Package capture records what passes a device (link.Capture) as pcapng: to a
// file, or as an HTTP answer that goes on while packets pass, which is what
// `tinystack capture` reads.
//
// A recording is one tap of the device and one writer; the goroutine that calls
// [Recording.Write] owns both. It makes nobody wait: a slow writer misses packets,
// and the file says how many, before each packet and at its end.
//
// While somebody listens to the device's stack (package trace), as a recording with
// [Options].Why does, each packet has a comment: which event it is, because of which,
// and the rule that had it sent.
//
// It leaves out ring buffers of files, and filters beyond host and port: a file
// is cheap to filter by tshark later.
package capture
