package control

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const nobody = 65534

// Another user's directory is as good as none to make a socket in, and who dials
// is told that there may be one.
func TestAnotherUsersDirectory(t *testing.T) {
	t.Parallel()
	needRoot(t)
	p := newPlace(t)
	if err := errors.Join(os.Mkdir(p.dirs[0], 0o700), os.Chown(p.dirs[0], nobody, -1)); err != nil {
		t.Fatal(err)
	}
	wantNone(t, p, "", ErrPrivilege, "no instance of this user is running", p.dirs[0])
	p.dirs = append(p.dirs, p.dirs[0]+"2")
	listen(t, p, "t0")
	wantName(t, p, "", "t0.1")
	wantNone(t, p, "t1", ErrPrivilege, "no instance on t1 of this user")
}

// Were directory and socket open to all, another user would still get no answer.
func TestAnotherUserIsHungUpOn(t *testing.T) {
	t.Parallel()
	needRoot(t)
	p := newPlace(t)
	s := listen(t, p, "t0")
	base := p.dirs[0] + "/.."
	if err := errors.Join(os.Chmod(s.Path(), 0o666), os.Chmod(p.dirs[0], 0o755), os.Chmod(base, 0o755)); err != nil {
		t.Fatal(err)
	}
	for uid, want := range map[int]string{0: "HTTP/1.0 404", nobody: ""} {
		got, err := askAs(uid, s.Path())
		if err != nil && !errors.Is(err, unix.ECONNRESET) && !errors.Is(err, unix.EPIPE) {
			t.Fatal(err)
		}
		if !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("user %d got %q, want %q", uid, got, want)
		}
	}
}

func needRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be another user")
	}
}

// askAs makes a request on a thread that is the user's, and ends with it.
func askAs(uid int, path string) (answer string, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and not unlocked: the thread is of no more use
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
			err = errno
			return
		}
		answer, err = ask(path)
	}()
	<-done
	return answer, err
}

func ask(path string) (string, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return "", err
	}
	if _, err := unix.Write(fd, []byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		return "", err
	}
	b := make([]byte, 100)
	n, err := unix.Read(fd, b)
	return string(b[:max(n, 0)]), err
}
