// Package tcp is the Transmission Control Protocol (RFC 9293) in two halves.
package tcp
