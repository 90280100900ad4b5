package httpd

import (
	"io/fs"
	"syscall"
)

// openFlags: what was a regular file may be a FIFO by now, and for a process of 32 bits
// os.Root, other than os.Open, leaves out what files of more than 2 GiB need.
const openFlags = syscall.O_NONBLOCK | syscall.O_LARGEFILE

// identify returns what changes whenever the file does.
func identify(info fs.FileInfo) identity {
	id := identity{size: info.Size(), modified: info.ModTime().UnixNano()}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		id.device, id.inode, id.changed = uint64(s.Dev), s.Ino, s.Ctim.Nano()
	}
	return id
}
