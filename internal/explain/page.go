package explain

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Columns of the text.
const (
	columns = 80
	margin  = 4
)

// page is where a story is written. What goes wrong with it is kept in err.
type page struct {
	w      io.Writer
	color  bool
	start  time.Time // of the trip
	number int       // of the last station
	err    error
}

// joint is a space at which no line is broken.
const joint = "\u00a0"

// whole is text that is not broken into lines.
func whole(format string, args ...any) string {
	return strings.ReplaceAll(fmt.Sprintf(format, args...), " ", joint)
}

// Styles, as the escapes of ECMA-48 have them.
const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
	blue  = "34"
)

// style is text in a style, where the page has colours.
func (p *page) style(style, text string) string {
	if !p.color || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (p *page) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, strings.ReplaceAll(fmt.Sprintf(format, args...), joint, " "))
	}
}

// station begins a new one, which happened from then on.
func (p *page) station(at time.Time, title string) {
	p.number++
	head := fmt.Sprintf("%2d  %s ", p.number, title)
	when := " " + p.at(at)
	rule := max(3, columns-utf8.RuneCountInString(head)-len(when))
	p.printf("\n%s%s%s\n", p.style(bold, head), p.style(faint, strings.Repeat("-", rule)), p.style(faint, when))
}

// say writes a paragraph, broken into lines between words.
func (p *page) say(format string, args ...any) {
	p.paragraph(margin, margin, fmt.Sprintf(format, args...))
}

// item writes a paragraph after a word that stands before it.
func (p *page) item(word, format string, args ...any) {
	const indent = 16
	text := fmt.Sprintf("%-*s%s", indent-margin, word, fmt.Sprintf(format, args...))
	p.paragraph(margin, indent, text)
}

func (p *page) paragraph(first, rest int, text string) {
	line := strings.Repeat(" ", first)
	lead := text[:len(text)-len(strings.TrimLeft(text, " "))]
	line += lead
	empty := true
	for _, word := range splitWords(text[len(lead):]) {
		if !empty && utf8.RuneCountInString(line)+utf8.RuneCountInString(strings.TrimRight(word, " ")) > columns {
			p.printf("%s\n", strings.TrimRight(line, " "))
			line = strings.Repeat(" ", rest)
		}
		line += word
		empty = false
	}
	p.printf("%s\n", strings.TrimRight(line, " "))
}

// splitWords cuts text after each run of spaces.
func splitWords(text string) (words []string) {
	start := 0
	for i := 1; i < len(text); i++ {
		if text[i-1] == ' ' && text[i] != ' ' {
			words, start = append(words, text[start:i]), i
		}
	}
	return append(words, text[start:])
}

// row writes a line as it is, cut to the columns there are.
func (p *page) row(format string, args ...any) {
	line := []rune(strings.TrimRight(strings.Repeat(" ", margin)+fmt.Sprintf(format, args...), " "))
	p.printf("%s\n", string(line[:min(len(line), columns+len(line)-visible(string(line)))]))
}

// gap writes an empty line.
func (p *page) gap() { p.printf("\n") }

// visible is how many columns a line takes, without its escapes.
func visible(line string) int {
	n := 0
	for i := 0; i < len(line); i++ {
		if line[i] == '\x1b' {
			i += strings.IndexByte(line[i:], 'm')
			continue
		}
		if utf8.RuneStart(line[i]) {
			n++
		}
	}
	return n
}

// at is a time of the trip.
func (p *page) at(t time.Time) string { return ms(t.Sub(p.start)) }

// ms is a duration in milliseconds.
func ms(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// plural is a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// seconds is a number of seconds, in words that say more where there are many.
func seconds(n int) string {
	switch {
	case n >= 2*86400 && n%86400 == 0:
		return fmt.Sprintf("%d days", n/86400)
	case n >= 2*3600 && n%3600 == 0:
		return fmt.Sprintf("%d hours", n/3600)
	}
	return plural(n, "second")
}
