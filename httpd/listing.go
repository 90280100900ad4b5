package httpd

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxListed bounds how many entries of a directory are read and listed.
const maxListed = 10_000

// listing is what is in a directory, as far as it is served.
type listing struct {
	Entries []entry // sorted by name
	More    bool    // there are more than maxListed
}

type entry struct {
	Name     string // of a directory: with a slash
	Href     string
	Size     string // "-" for a directory
	Modified string // UTC
}

func (s *site) list(name string, d *os.File) (*listing, error) {
	dirents, err := d.ReadDir(maxListed + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	l := &listing{More: len(dirents) > maxListed}
	dirents = dirents[:min(len(dirents), maxListed)]
	slices.SortFunc(dirents, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, de := range dirents {
		if info, ok := s.visible(name, de); ok {
			l.Entries = append(l.Entries, newEntry(de.Name(), info))
		}
	}
	return l, nil
}

// visible returns what a request for the entry would find; false if that is a 404.
func (s *site) visible(dir string, de fs.DirEntry) (fs.FileInfo, bool) {
	if !utf8.ValidString(de.Name()) || hidden(de.Name()) {
		return nil, false
	}
	info, err := de.Info()
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		var target string
		if target, err = resolve(s.root, path.Join(dir, de.Name())); err == nil {
			info, err = s.root.Stat(target)
		}
	}
	if err != nil || !servable(info) {
		return nil, false
	}
	return info, true
}

func newEntry(name string, info fs.FileInfo) entry {
	e := entry{Name: name, Size: fmt.Sprint(info.Size())}
	if info.IsDir() {
		e.Name, e.Size = name+"/", "-"
	}
	e.Href = (&url.URL{Path: e.Name}).String() // "./" before a colon, which else ends a scheme
	e.Modified = info.ModTime().UTC().Format(time.DateTime)
	return e
}

var indexTemplate = template.Must(template.New("index").Parse(`
{{- define "list"}}<table>
<tr><th>Name</th><th>Bytes</th><th>Modified (UTC)</th></tr>
{{- range .Entries}}
<tr><td><a href="{{.Href}}">{{.Name}}</a></td><td class="n">{{.Size}}</td><td>{{.Modified}}</td></tr>
{{- end}}
</table>
{{- if .More}}
<p>There are more, which are not listed.</p>
{{- end}}
{{end -}}
{{- define "style"}}<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif;
       max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-weight: 600 } code, .n { font-family: monospace }
table { border-collapse: collapse } .n { text-align: right }
th, td { text-align: left; padding: .1rem 1.2rem .1rem 0 }
li { margin: .5rem 0 } dt { font-weight: 600 }
</style>
{{- end -}}
<!DOCTYPE html>
<html lang="en">
<head>
<title>Index of {{.Path}}</title>
{{template "style"}}
</head>
<body>
<h1>Index of {{.Path}}</h1>
<p><a href="../">Up</a></p>
{{template "list" .List}}</body>
</html>
`))

// index answers with a directory's list.
func (s *site) index(w *writer, r *http.Request, l *listing) {
	var page bytes.Buffer
	data := struct {
		Path string
		List *listing
	}{r.URL.Path, l}
	if err := indexTemplate.Execute(&page, data); err != nil {
		panic(err) // a mistake in the template, which ServeHTTP answers with 500
	}
	sum := sha256.Sum256(page.Bytes())
	w.Header().Set("Cache-Control", "no-cache")
	c := representation{
		ctype:   "text/html; charset=utf-8",
		etag:    quoteTag(sum[:]),
		size:    int64(page.Len()),
		content: bytes.NewReader(page.Bytes()),
	}
	c.serve(w, r)
}
