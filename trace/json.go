package trace

import (
	"encoding/json"
	"io"
)

// Schema is the number of the JSON form of events. A change that breaks readers raises it.
const Schema = 1

// Encoder writes events as JSON, one to a line: an [Event] with the field "schema" before
// it. Where events are missing, a line has their number in the field "lost".
type Encoder struct{ json *json.Encoder }

// NewEncoder returns an encoder that writes each line to w by one call.
func NewEncoder(w io.Writer) *Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return &Encoder{e}
}

// Encode writes e.
func (c *Encoder) Encode(e *Event) error {
	return c.json.Encode(struct {
		Schema int `json:"schema"`
		*Event
	}{Schema, e})
}

// Lost writes that n events are missing here; nothing if n is 0.
func (c *Encoder) Lost(n uint64) error {
	if n == 0 {
		return nil
	}
	return c.json.Encode(struct {
		Schema int    `json:"schema"`
		Lost   uint64 `json:"lost"`
	}{Schema, n})
}
