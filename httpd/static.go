package httpd

import (
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"time"
)

const index = "index.html"

// static answers with the file or the directory that the path names.
func (s *site) static(w *writer, r *http.Request) {
	name, asDir, ok := fileName(r.URL.Path)
	if !ok {
		fail(w, http.StatusNotFound)
		return
	}
	f, info, err := open(s.root, name)
	if err != nil {
		s.openFailed(w, name, err)
		return
	}
	defer f.Close()
	switch {
	case info.IsDir() && !asDir:
		redirectToDir(w, r)
	case info.IsDir():
		s.dir(w, r, name, f)
	case asDir:
		fail(w, http.StatusNotFound)
	default:
		s.file(w, r, name, f, info)
	}
}

// redirectToDir adds the slash that a directory's relative links need. The path
// has no empty element, so that the location can't name another host.
func redirectToDir(w *writer, r *http.Request) {
	to := url.URL{Path: r.URL.Path + "/", RawQuery: r.URL.RawQuery}
	w.Header().Set("Location", to.String())
	w.WriteHeader(http.StatusMovedPermanently)
}

// dir answers with index.html, else with what is in the directory.
func (s *site) dir(w *writer, r *http.Request, name string, d *os.File) {
	page := path.Join(name, index)
	if f, info, err := open(s.root, page); err == nil {
		defer f.Close()
		if info.Mode().IsRegular() {
			s.file(w, r, page, f, info)
			return
		}
	}
	list, err := s.list(name, d)
	switch {
	case err != nil:
		s.openFailed(w, name, err)
	case name == ".":
		s.welcome(w, r, list)
	default:
		s.index(w, r, list)
	}
}

func (s *site) file(w *writer, r *http.Request, name string, f *os.File, info fs.FileInfo) {
	tag, err := s.tags.of(f, info, time.Now())
	if err != nil {
		s.openFailed(w, name, err)
		return
	}
	c := representation{
		ctype:    contentType(name, f),
		modified: info.ModTime(),
		etag:     tag,
		size:     info.Size(),
		content:  snapshot{f, info.Size()},
	}
	c.serve(w, r)
}

// openFailed answers when a file can't be opened or read. What leads out of the
// root, is no file, or has no possible name, is not there.
func (s *site) openFailed(w *writer, name string, err error) {
	switch {
	case errors.Is(err, fs.ErrPermission):
		fail(w, http.StatusForbidden)
	case scarce(err):
		s.cfg.Logger.Error("file not served", "name", name, "err", err)
		fail(w, http.StatusServiceUnavailable)
	default:
		fail(w, http.StatusNotFound)
	}
}
