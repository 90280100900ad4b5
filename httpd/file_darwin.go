package httpd

import (
	"io/fs"
	"syscall"
)

// openFlags: what was a regular file may be a FIFO by now.
const openFlags = syscall.O_NONBLOCK

// identify returns what changes whenever the file does.
func identify(info fs.FileInfo) identity {
	id := identity{size: info.Size(), modified: info.ModTime().UnixNano()}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		id.device, id.inode, id.changed = uint64(s.Dev), s.Ino, s.Ctimespec.Nano()
	}
	return id
}
