package httpd

import (
	"bytes"
	"html/template"
	"io"
	"net"
	"net/http"
	"strconv"
	texttemplate "text/template"
)

// page is what the welcome page's templates are given.
type page struct {
	URL   string
	Steps []step
	Files *listing // nil: none
}

const storyText = `tinystack - you have reached it.

What just happened on this very connection:
{{range $i, $s := .Steps}}
{{inc $i}}. {{$s.Name}}
{{- range $s.Say}}
   {{.}}
{{- end}}
{{end}}
Try:
  curl {{.URL}}hello
  curl -o /dev/null {{.URL}}bytes/1GiB
  curl -T FILE {{.URL}}upload
{{- with .Files}}

Files:
{{- range .Entries}}
  {{.Modified}} {{printf "%12s" .Size}} {{printf "%q" .Name}}
{{- end}}
{{- if .More}}
  There are more, which are not listed.
{{- end}}
{{- end}}
`

const storyHTML = `<!DOCTYPE html>
<html lang="en">
<head>
<title>tinystack</title>
{{template "style"}}
</head>
<body>
<h1>You have reached tinystack</h1>
<p>What just happened on this very connection:</p>
<ol>
{{- range .Steps}}
<li><b>{{.Name}}</b><br>
{{- range .Say}}
{{.}}
{{- end}}
</li>
{{- end}}
</ol>
<h2>Try</h2>
<pre>
curl {{.URL}}hello
curl -o /dev/null {{.URL}}bytes/1GiB
curl -T FILE {{.URL}}upload
</pre>
{{- with .Files}}
<h2>Files</h2>
{{template "list" .}}
{{- end}}
</body>
</html>
`

var (
	storyAsText = texttemplate.Must(texttemplate.New("text").
			Funcs(texttemplate.FuncMap{"inc": func(i int) int { return i + 1 }}).Parse(storyText))
	storyAsHTML = template.Must(template.Must(indexTemplate.Clone()).New("html").Parse(storyHTML))
)

// welcome tells the visitor the story of the connection, as HTML unless the
// visitor would rather have plain text.
func (s *site) welcome(w *writer, r *http.Request, files *listing) {
	var body bytes.Buffer
	data := page{URL: baseURL(r), Steps: s.story(r), Files: files}
	h := w.Header()
	h.Add("Vary", "Accept")
	h.Set("Cache-Control", "no-store")
	render, ctype := storyAsHTML.Execute, "text/html; charset=utf-8"
	if prefersText(r.Header.Values("Accept")) {
		render, ctype = storyAsText.Execute, "text/plain; charset=utf-8"
	}
	if err := render(io.Writer(&body), data); err != nil {
		panic(err) // a mistake in the template, which ServeHTTP answers with 500
	}
	h.Set("Content-Type", ctype)
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	_, _ = w.Write(body.Bytes()) // a lost connection is net/http's to notice
}

// prefersText reads Accept by RFC 9110 section 12.5.1.
func prefersText(accept []string) bool {
	q := qualities(accept)
	weight := func(ctype string) float64 {
		return firstOf(q, ctype, "text/*", "*/*") // the most specific counts
	}
	return weight("text/plain") > weight("text/html")
}

// baseURL is where the visitor reached us, by address: what Host says is the
// visitor's.
func baseURL(r *http.Request) string {
	local := localAddr(r)
	host, port, err := net.SplitHostPort(local)
	switch {
	case err != nil:
		return "/"
	case port != "80":
		return "http://" + local + "/"
	case net.ParseIP(host).To4() == nil:
		return "http://[" + host + "]/"
	}
	return "http://" + host + "/"
}

func localAddr(r *http.Request) string {
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		return a.String()
	}
	return ""
}
