package httpd

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

const (
	// maxHashed is the size in bytes up to which an ETag is the content's hash.
	maxHashed = 16 << 20
	// maxTags bounds the cache of hashes, at some 150 bytes each.
	maxTags = 4096
	// settle is how old a file's last change must be for the next change to show
	// in its change time, whose clock ticks every 10 ms or less on Linux's file
	// systems, but every 2 s on FAT.
	settle = 2 * time.Second
)

// identity is what the file system says of a file's content.
type identity struct {
	device, inode     uint64
	size              int64
	modified, changed int64 // Unix time in ns; changed is 0 if not known
}

// settled reports whether a later change of the file gives it another identity.
// Programs can set modified, not changed.
func (id identity) settled(now time.Time) bool {
	return id.changed != 0 && now.Sub(time.Unix(0, id.changed)) > settle
}

// etags makes strong entity tags (RFC 9110 section 8.8.3). That of a file up to
// maxHashed is the SHA-256 of its content, remembered by its identity once that
// is settled. That of a larger file is its settled identity; until then it has a
// weak one.
type etags struct {
	mu   sync.Mutex
	tags map[identity]string
}

// of returns the file's tag, "" if it changes while it is read.
func (e *etags) of(f *os.File, info fs.FileInfo, now time.Time) (string, error) {
	id := identify(info)
	settled := id.settled(now)
	if id.size > maxHashed {
		return id.tag(settled), nil
	}
	if settled {
		if tag, ok := e.lookup(id); ok {
			return tag, nil
		}
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, id.size)); err != nil {
		return "", err
	}
	after, err := f.Stat()
	if err != nil || identify(after) != id {
		return "", err
	}
	tag := quoteTag(sum.Sum(nil))
	if settled {
		e.store(id, tag)
	}
	return tag, nil
}

func (e *etags) lookup(id identity) (tag string, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	tag, ok = e.tags[id]
	return tag, ok
}

func (e *etags) store(id identity, tag string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.tags == nil {
		e.tags = make(map[identity]string)
	}
	for old := range e.tags {
		if len(e.tags) < maxTags {
			break
		}
		delete(e.tags, old) // any will do: it is read again
	}
	e.tags[id] = tag
}

// tag is made of the identity alone. A weak one never matches the strong one that
// follows it, because the bytes may differ.
func (id identity) tag(settled bool) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v %t", id, settled))
	if settled {
		return quoteTag(sum[:])
	}
	return "W/" + quoteTag(sum[:])
}

// quoteTag is an entity tag of the sum's first 128 bits.
func quoteTag(sum []byte) string { return `"` + hex.EncodeToString(sum[:16]) + `"` }
