package explain

import (
	"bytes"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// parts returns what a page consists of besides: style sheets, pictures and scripts that it
// names, on its own server, each once and in its order.
func parts(page []byte, base *url.URL) (list []*url.URL) {
	seen := map[string]bool{}
	z := html.NewTokenizer(bytes.NewReader(page))
	for len(list) < maxParts {
		switch z.Next() {
		case html.ErrorToken:
			return list
		case html.StartTagToken, html.SelfClosingTagToken:
			u, err := base.Parse(named(z.Token()))
			if err == nil && u.Host == base.Host && u.Scheme == base.Scheme && u.String() != base.String() && !seen[u.String()] {
				seen[u.String()] = true
				list = append(list, u)
			}
		}
	}
	return list
}

// named is the address of what an element stands for, "" if it stands for itself.
func named(t html.Token) string {
	attr := map[string]string{}
	for _, a := range t.Attr {
		attr[a.Key] = a.Val
	}
	switch t.DataAtom {
	case atom.Img, atom.Script:
		return attr["src"]
	case atom.Link:
		if strings.EqualFold(attr["rel"], "stylesheet") {
			return attr["href"]
		}
	}
	return ""
}
