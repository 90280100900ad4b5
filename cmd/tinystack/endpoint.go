package main

import (
	"fmt"
	"net/netip"
	"strings"
)

// endpoint is an address and port, of which "*" is any or none: "*:80", "198.18.0.2:*".
type endpoint struct{ netip.AddrPort }

func (e endpoint) String() string {
	switch all := !e.Addr().IsValid() || e.Addr().IsUnspecified(); {
	case all && e.Port() == 0:
		return "*:*"
	case all:
		return fmt.Sprintf("*:%d", e.Port())
	case e.Port() == 0:
		return strings.TrimSuffix(e.AddrPort.String(), "0") + "*"
	}
	return e.AddrPort.String()
}

// MarshalText returns what String does.
func (e endpoint) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText takes what MarshalText gives.
func (e *endpoint) UnmarshalText(b []byte) (err error) {
	text := string(b)
	if s, ok := strings.CutSuffix(text, ":*"); ok {
		text = s + ":0"
	}
	if port, ok := strings.CutPrefix(text, "*:"); ok {
		text = "0.0.0.0:" + port
	}
	e.AddrPort, err = netip.ParseAddrPort(text)
	return err
}
