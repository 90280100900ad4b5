package control

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// RuntimeDirVar is the environment variable with the directory of the sockets.
const RuntimeDirVar = "TINYSTACK_RUNTIME_DIR"

const extension = ".sock"

// maxPath is the longest path of a Unix socket in bytes, on the systems with the
// least room for it (sockaddr_un on macOS has 104, Linux 108, with a final zero).
const maxPath = 103

// place is where sockets are.
type place struct {
	dirs      []string // in order of preference
	namespace string   // the network namespace's identity, "" where there are none
}

// here is the place of this process.
func here() place {
	p := place{namespace: networkNamespace()}
	if dir := os.Getenv(RuntimeDirVar); dir != "" {
		p.dirs = []string{dir}
		return p
	}
	p.dirs = []string{"/run/tinystack"}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		p.dirs = append(p.dirs, filepath.Join(dir, "tinystack"))
	}
	p.dirs = append(p.dirs, filepath.Join(os.TempDir(), fmt.Sprintf("tinystack-%d", os.Geteuid())))
	return p
}

// makeDir returns the first directory that is ours, made if need be.
func (p place) makeDir() (string, error) {
	var errs []error
	for _, dir := range p.dirs {
		err := os.Mkdir(dir, 0o700)
		if err == nil || errors.Is(err, fs.ErrExist) {
			err = checkDir(dir)
		}
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("no directory for the control socket: %w", errors.Join(errs...))
}

// checkDir returns an error unless dir is a directory that we own and nobody else can use.
func checkDir(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	case !owned(info):
		return &fs.PathError{Op: "open", Path: dir, Err: fs.ErrPermission}
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s is open to others: its mode is %v, want 0700", dir, info.Mode().Perm())
	}
	return nil
}

// path is the socket of the instance on device dev in directory dir. A device's
// name is unique in its network namespace.
func (p place) path(dir, dev string) string {
	return filepath.Join(dir, dev+"."+p.namespace+extension)
}

// socket is a socket's file.
type socket struct {
	path, device, namespace string
}

// sockets lists the sockets in the directories that are ours. closed is a
// directory that may not be read, if there is one: another user has instances.
// unfit says what else is wrong with a directory that is there.
func (p place) sockets() (list []socket, closed string, unfit error) {
	for _, dir := range p.dirs {
		switch err := checkDir(dir); {
		case errors.Is(err, fs.ErrPermission):
			closed = dir
			continue
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			unfit = err
			continue
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // it is gone since
		}
		for _, e := range entries {
			if s, ok := parseName(e.Name()); ok {
				s.path = filepath.Join(dir, e.Name())
				list = append(list, s)
			}
		}
	}
	return list, closed, unfit
}

func parseName(name string) (s socket, ok bool) {
	base, ok := strings.CutSuffix(name, extension)
	i := strings.LastIndexByte(base, '.')
	if !ok || i <= 0 {
		return s, false
	}
	return socket{device: base[:i], namespace: base[i+1:]}, true
}
