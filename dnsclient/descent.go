package dnsclient

import (
	"errors"

	"github.com/miekg/dns"

	"github.com/tinystack/tinystack/internal/counter"
)

// descent is the way from the closest zone whose servers are known down to the one
// that has the answer, in the steps of RFC 9156 3.
type descent struct {
	t       *task
	q       dns.Question
	waiting trail
	minimiser
	cut    *cut     // the zone that is being asked
	known  string   // the longest part of the name that is known to exist
	denied *finding // a part of the name that is said not to exist
}

// descend asks for what the cache does not know.
func (t *task) descend(q dns.Question, waiting trail) (*finding, error) {
	d := &descent{t: t, q: q, waiting: waiting, cut: t.closest(q)}
	d.minimiser = minimiser{q: q, off: t.r.minimise == MinimiseOff}
	d.known = d.cut.zone
	for {
		step, whole := d.next(d.known)
		if !whole && t.r.cache.exists(step.Name) {
			d.known = step.Name
			continue
		}
		f, err := t.askZone(d.cut, step, whole, d.waiting)
		switch {
		case err != nil && !d.askWhole(err, whole):
			return nil, err
		case err == nil && d.take(f, whole):
			return f, nil
		}
	}
}

// askWhole reports whether to go on with the whole question after a part of it
// could not be answered: if that seems to be the servers' fault.
func (d *descent) askWhole(err error, whole bool) bool {
	if whole || d.t.r.minimise == MinimiseStrict || !errors.Is(err, errRefused) {
		return false
	}
	d.showAll()
	return true
}

func (d *descent) showAll() {
	d.off = true
	counter.Inc(&d.t.r.stats.MinimiseFallbacks)
}

// take learns from an answer, and reports whether it is the one to the question.
func (d *descent) take(f *finding, whole bool) bool {
	denied := f.kind == kindNXDomain && len(f.aliases) == 0 // and not what it stands for
	if denied && !whole && d.t.r.minimise != MinimiseStrict {
		d.denied = f // it may be said of a name that is only the end of others
		d.showAll()
		return false
	}
	d.t.store(d.cut, f)
	switch {
	case f.kind == kindReferral:
		d.cut, d.known, d.denied = f.cut, f.cut.zone, nil
		return false
	case denied:
		if d.denied != nil {
			d.t.store(d.cut, d.denied)
		}
		return true // nor is there anything below it (RFC 8020)
	case !whole:
		d.known = f.q.Name
	}
	return whole
}
