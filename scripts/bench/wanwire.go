package main

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/vishvananda/netlink"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/packet"
)

// wireName is that of the wire's device in both namespaces.
const wireName = "wire0"

// wire joins the server's namespace and the client's by a TUN device in each, and a
// bad wire between them. It takes over super-segments from the server's end, and
// splits them before anything happens to them; all else is packets of wire size.
//
// Each direction is one queue, with no place where packets could overtake each
// other: the driver takes a packet up to the socket before the write returns.
type wire struct {
	server *link.Impaired
	client link.Device
	failed atomic.Uint64 // writes
}

func newWire(server, client *namespace, bad link.ImpairConfig) (*wire, error) {
	near, err := openWireEnd(server, false)
	if err != nil {
		return nil, err
	}
	far, err := openWireEnd(client, true)
	if err != nil {
		return nil, errors.Join(err, near.Close())
	}
	return joinWire(near, far, bad)
}

// joinWire joins the two ends, which belong to the wire from then on.
func joinWire(near, far link.Device, bad link.ImpairConfig) (*wire, error) {
	impaired, err := link.Impair(near, bad)
	if err != nil {
		return nil, errors.Join(err, near.Close(), far.Close())
	}
	w := &wire{server: impaired, client: far}
	go w.carry(w.server, w.client)
	go w.carry(w.client, w.server)
	return w, nil
}

// openWireEnd makes a namespace's end of the wire.
func openWireEnd(n *namespace, noOffload bool) (dev *link.TUN, err error) {
	err = n.do(func() error {
		dev, err = link.OpenTUN(link.TUNConfig{Name: wireName, MTU: mtu, NoOffload: noOffload})
		if err != nil {
			return err
		}
		return lengthenQueue(wireName)
	})
	return dev, err
}

// lengthenQueue lets a device hold what a sender gives it in one go, so that only
// the wire drops packets: the default is 500.
func lengthenQueue(name string) error {
	const packets = 20000
	dev, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("device %s: %w", name, err)
	}
	if err := netlink.LinkSetTxQLen(dev, packets); err != nil {
		return fmt.Errorf("the queue of %s: %w", name, err)
	}
	return nil
}

// carry takes packets from one end to the other until an end is closed.
func (w *wire) carry(from, to link.Device) {
	buf := make([]byte, from.MaxRead())
	var p packet.Out
	for {
		n, o, err := from.Read(buf, true)
		if err != nil {
			return
		}
		p.Reset()
		p.Offload, p.Body[0] = o, buf[:n]
		if to.Write(&p) != nil {
			w.failed.Add(1)
		}
	}
}

func (w *wire) close() {
	w.server.Close()
	w.client.Close()
}
