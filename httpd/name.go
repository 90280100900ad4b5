package httpd

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// fileName turns a URL's path, percent-decoded, into a name below the root, with
// slashes; "." is the root itself. dir is whether the path asks for a directory.
// It is false for whatever has an empty element, "." or "..", a dotfile, NUL, or
// is not UTF-8: such a path names nothing, and no redirect is made from it.
func fileName(urlPath string) (name string, dir, ok bool) {
	if urlPath == "/" {
		return ".", true, true
	}
	name, rooted := strings.CutPrefix(urlPath, "/")
	name, dir = strings.CutSuffix(name, "/")
	if !rooted || !fs.ValidPath(name) || hidden(name) {
		return "", false, false
	}
	if _, err := filepath.Localize(name); err != nil { // NUL, and more on other systems
		return "", false, false
	}
	return name, dir, true
}

// hidden reports whether a part of name starts with a dot.
func hidden(name string) bool {
	return name[0] == '.' || strings.Contains(name, "/.")
}

// maxLinks is how many symlinks a name may lead through, as in Linux.
const maxLinks = 40

// resolve follows the symlinks of a valid name. A name that leads out of the
// root or to a dotfile does not exist. What it returns is opened through root
// again, which holds the line should a link change in between.
func resolve(root *os.Root, name string) (string, error) {
	links := 0
	done, todo := ".", strings.Split(name, "/")
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		switch {
		case part == "" || part == ".":
			continue
		case part == "..":
			if done == "." {
				return "", fs.ErrNotExist
			}
			done = path.Dir(done)
			continue
		case part[0] == '.':
			return "", fs.ErrNotExist
		}
		next := path.Join(done, part)
		info, err := root.Lstat(filepath.FromSlash(next))
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		target, err := readLink(root, next)
		if links++; err != nil || links > maxLinks {
			return "", fs.ErrNotExist
		}
		todo = append(target, todo...)
	}
	return done, nil
}

// readLink returns the parts of a symlink's target.
func readLink(root *os.Root, name string) ([]string, error) {
	target, err := root.Readlink(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	if filepath.IsAbs(target) {
		return nil, fs.ErrNotExist
	}
	return strings.Split(filepath.ToSlash(target), "/"), nil
}

// open opens the regular file or directory of a valid name, and nothing else: a
// FIFO would wait for a writer, a device might do anything.
func open(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	name, err := resolve(root, name)
	if err != nil {
		return nil, nil, err
	}
	name = filepath.FromSlash(name)
	info, err := root.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if !servable(info) {
		return nil, nil, fs.ErrNotExist
	}
	f, err := root.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err = f.Stat()
	if err == nil && !servable(info) {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

func servable(info fs.FileInfo) bool { return info.Mode().IsRegular() || info.IsDir() }
