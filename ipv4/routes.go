package ipv4

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// AddRoute adds a route. It fails with EINVAL if a field of e is not valid,
// EEXIST if there is a route to the same Dst with the same Metric, ENODEV if the
// interface was removed, ENETUNREACH if e names no interface and its gateway is
// on no interface's subnet, EADDRNOTAVAIL if Src is not an address of this host.
func (l *Layer) AddRoute(e Entry) error {
	return l.addRoute(e, func(*table) {})
}

// ReplaceRoute adds a route in place of that to the same Dst with the same Metric,
// if there is one: no packet finds neither of them. It fails as AddRoute does, but
// for EEXIST, and then changes nothing.
func (l *Layer) ReplaceRoute(e Entry) error {
	return l.addRoute(e, func(t *table) {
		t.removeRoutes(func(x Entry) bool { return x.Dst == e.Dst && x.Metric == e.Metric })
	})
}

// addRoute adds a route to the table as prepare leaves it.
func (l *Layer) addRoute(e Entry, prepare func(*table)) error {
	err := checkEntry(e)
	if err == nil {
		err = l.change(func(t *table) error {
			prepare(t)
			return t.addRoute(e)
		})
	}
	if err != nil {
		return fmt.Errorf("ipv4: add route to %v: %w", e.Dst, err)
	}
	return nil
}

// checkEntry reports what of e is wrong in itself.
func checkEntry(e Entry) error {
	switch {
	case !e.Dst.IsValid() || !e.Dst.Addr().Is4():
		return fmt.Errorf("field Dst is not an IPv4 prefix: %w", syscall.EINVAL)
	case e.Dst != e.Dst.Masked():
		return fmt.Errorf("field Dst has bits beyond its length: %w", syscall.EINVAL)
	case e.Gateway.IsValid() && (!e.Gateway.Is4() || !unicast(bits4(e.Gateway))):
		return fmt.Errorf("field Gateway is not a host's IPv4 address: %w", syscall.EINVAL)
	case e.Src.IsValid() && !e.Src.Is4():
		return fmt.Errorf("field Src is not an IPv4 address: %w", syscall.EINVAL)
	case e.Metric < 0:
		return fmt.Errorf("field Metric %d is negative: %w", e.Metric, syscall.EINVAL)
	case e.Interface == nil && !e.Gateway.IsValid():
		return fmt.Errorf("fields Interface and Gateway are both empty: %w", syscall.EINVAL)
	}
	return nil
}

func (t *table) addRoute(e Entry) error {
	switch {
	case e.Gateway.IsValid() && t.kind(bits4(e.Gateway)) != hostOther:
		return fmt.Errorf("field Gateway is not another host: %w", syscall.EINVAL)
	case e.Src.IsValid() && t.kind(bits4(e.Src)) != hostLocal:
		return fmt.Errorf("field Src: %w", syscall.EADDRNOTAVAIL)
	case e.Interface == nil:
		w, err := t.way(e.Gateway)
		if err != nil || w.nextHop != e.Gateway {
			return fmt.Errorf("field Gateway is on no interface's subnet: %w", syscall.ENETUNREACH)
		}
		e.Interface = w.iface
	case !slices.Contains(t.ifaces, e.Interface):
		return fmt.Errorf("field Interface: %w", syscall.ENODEV)
	}
	for _, x := range t.routes.at(bits4(e.Dst.Addr()), e.Dst.Bits()) {
		if x.Metric == e.Metric {
			return syscall.EEXIST
		}
	}
	t.insert(e)
	return nil
}

// DeleteRoute deletes the first of the routes to e.Dst, lowest metric first, that
// has all those of e's other fields which are not zero. It fails with ESRCH if
// there is none.
func (l *Layer) DeleteRoute(e Entry) error {
	err := l.change(func(t *table) error {
		if !e.Dst.IsValid() || !e.Dst.Addr().Is4() {
			return syscall.ESRCH
		}
		for _, x := range t.routes.at(bits4(e.Dst.Addr()), e.Dst.Bits()) {
			if x.Dst == e.Dst && x.matches(e) {
				t.remove(x)
				return nil
			}
		}
		return syscall.ESRCH
	})
	if err != nil {
		return fmt.Errorf("ipv4: delete route to %v: %w", e.Dst, err)
	}
	return nil
}

// matches reports whether x has all of want's fields that are not zero.
func (x *Entry) matches(want Entry) bool {
	return (want.Gateway == netip.Addr{} || want.Gateway == x.Gateway) &&
		(want.Interface == nil || want.Interface == x.Interface) &&
		(want.Src == netip.Addr{} || want.Src == x.Src) &&
		(want.Metric == 0 || want.Metric == x.Metric)
}

// Routes returns the routes, those to the subnets of this host's addresses
// included, in the order of their destinations; the shorter prefix first, then
// the lower metric.
func (l *Layer) Routes() []Entry {
	var all []Entry
	l.table.Load().routes.walk(func(e Entry) { all = append(all, e) })
	return all
}
