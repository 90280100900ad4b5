package capture

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/tinystack/tinystack/link"
	"github.com/tinystack/tinystack/trace"
)

// Trailers of an answer that was not cut short: packets captured, and missed.
const (
	TrailerPackets = "Capture-Packets"
	TrailerMissed  = "Capture-Missed"
)

// Query is the options as [Handler] takes them.
func (o Options) Query() url.Values {
	q := make(url.Values)
	set := func(key string, v uint64) {
		if v != 0 {
			q.Set(key, strconv.FormatUint(v, 10))
		}
	}
	set("snaplen", uint64(o.SnapLen))
	set("count", o.Count)
	set("queue", uint64(o.Queue))
	set("port", uint64(o.Filter.Port))
	if o.Why {
		q.Set("why", "true")
	}
	if o.Filter.Host.IsValid() {
		q.Set("host", o.Filter.Host.String())
	}
	return q
}

// parseQuery reads Options from what Query makes of them.
func parseQuery(q url.Values) (o Options, err error) {
	for key := range q {
		v := q.Get(key)
		switch key {
		case "snaplen":
			o.SnapLen, err = strconv.Atoi(v)
		case "count":
			o.Count, err = strconv.ParseUint(v, 10, 64)
		case "queue":
			o.Queue, err = strconv.Atoi(v)
		case "host":
			err = o.Filter.SetHost(v)
		case "port":
			err = o.Filter.SetPort(v)
		case "why":
			o.Why, err = strconv.ParseBool(v)
		default:
			err = fmt.Errorf("no such parameter")
		}
		if err != nil {
			return o, fmt.Errorf("%s=%s: %w", key, v, err)
		}
	}
	return o, nil
}

// Handler answers with the packets that pass dev, as pcapng, while they pass. The
// query has snaplen, count, queue, host, port and why, all of which can be left out. The
// answer ends when the client goes away, the device is closed, or count
// packets have come; and, to a POST, when its body ends: so a client can
// stop, and still receive what was copied before, the statistics and the trailers.
//
// With why, t is listened to, the tracer of the device's stack.
func Handler(dev *link.Capture, t *trace.Tracer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodPost {
			w.Header().Set("Allow", "GET, POST")
			http.Error(w, "GET or POST, please", http.StatusMethodNotAllowed)
			return
		}
		opts, err := parseQuery(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		opts.Trace = t
		rec, err := Start(dev, opts)
		switch {
		case errors.Is(err, link.ErrClosed), errors.Is(err, link.ErrTooManyTaps):
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		stream(w, r, rec)
	})
}

func stream(w http.ResponseWriter, r *http.Request, rec *Recording) {
	live := flusher{w, http.NewResponseController(w)}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-r.Context().Done():
		case <-ended:
		}
		rec.Stop()
	}()
	if r.Method == http.MethodPost {
		_ = live.control.EnableFullDuplex() // HTTP/2 has it anyway
		go func() {
			_, _ = io.Copy(io.Discard, r.Body)
			rec.Stop()
		}()
	}
	w.Header().Set("Content-Type", "application/x-pcapng")
	if rec.Write(live) != nil {
		return // nobody is there to be told
	}
	s := rec.Stats()
	w.Header().Set(http.TrailerPrefix+TrailerPackets, strconv.FormatUint(s.Captured, 10))
	w.Header().Set(http.TrailerPrefix+TrailerMissed, strconv.FormatUint(s.Missed, 10))
}

// flusher sends at once what is written to it.
type flusher struct {
	w       io.Writer
	control *http.ResponseController
}

func (f flusher) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err != nil {
		return n, err
	}
	return n, f.control.Flush()
}
