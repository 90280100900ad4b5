package httpd

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// deadlines is a ResponseWriter that notes the read deadlines it is given.
type deadlines struct {
	*httptest.ResponseRecorder
	read []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.read = append(d.read, t)
	return nil
}

// A deadline left from the body would cancel the request's context while its
// answer is made.
func TestBodyEndsItsDeadline(t *testing.T) {
	t.Parallel()
	d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	b := newBody(d, io.NopCloser(strings.NewReader("body")), time.Minute)
	if len(d.read) != 1 || time.Until(d.read[0]) > time.Minute || time.Until(d.read[0]) < 50*time.Second {
		t.Fatalf("deadlines %v before the body is read, want one in a minute", d.read)
	}
	readAll(t, b)
	if len(d.read) != 2 || !d.read[1].IsZero() {
		t.Errorf("deadlines %v after the body, want none at last", d.read)
	}
	if b := newBody(d, nil, -1); b != nil || len(d.read) != 2 {
		t.Errorf("a negative timeout sets %v", d.read)
	}
}
