package httpd

import (
	"errors"
	"syscall"
)

// scarce reports whether err may pass by itself: too many open files, no memory,
// a disk that fails. The file may well be there.
func scarce(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
