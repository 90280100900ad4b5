package dnsclient

import (
	"io"
	"os"
	"sync"
	"time"
)

// checkFile is how often a file is looked at for changes.
const checkFile = 5 * time.Second

// file is what a file says, which is read again when it changes. Where it can't be
// read it says nothing.
type file[T any] struct {
	path  string
	parse func(io.Reader) (*T, error)

	mu      sync.Mutex
	value   *T
	checked time.Time
	mtime   time.Time
	size    int64
}

func (f *file[T]) get() *T {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if f.value != nil && now.Sub(f.checked) < checkFile {
		return f.value
	}
	f.checked = now
	info, err := os.Stat(f.path)
	if err != nil {
		f.value, f.mtime = new(T), time.Time{}
		return f.value
	}
	if f.value == nil || !info.ModTime().Equal(f.mtime) || info.Size() != f.size {
		f.value, f.mtime, f.size = f.read(), info.ModTime(), info.Size()
	}
	return f.value
}

func (f *file[T]) read() *T {
	r, err := os.Open(f.path)
	if err != nil {
		return new(T)
	}
	defer r.Close()
	v, _ := f.parse(r) // as much as there is
	return v
}

// ReadResolvConf returns a function that returns what the file at path says, and
// reads it again some seconds after it changed. Of a file that can't be read it
// returns the zero value.
func ReadResolvConf(path string) func() *ResolvConf {
	return (&file[ResolvConf]{path: path, parse: ParseResolvConf}).get
}

// ReadHosts is ReadResolvConf for a file in the form of hosts(5).
func ReadHosts(path string) func() *Hosts {
	return (&file[Hosts]{path: path, parse: ParseHosts}).get
}
