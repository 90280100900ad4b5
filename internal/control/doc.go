// Package control is the window into a running instance: HTTP over a Unix socket
// that only its owner can open.
//
// [Listen] is the instance's side. Its socket is named after the device and the
// network namespace, in a directory with mode 0700, and on Linux every caller's
// user is checked too (SO_PEERCRED). [Dial] is the side of the commands: it finds
// the one instance that is meant, or says in an error why it can't, which wraps
// [ErrNone], [ErrStale], [ErrAmbiguous] or [ErrPrivilege].
//
// The directory is the first of these that the user can have as their own:
// /run/tinystack (root's), $XDG_RUNTIME_DIR/tinystack, tinystack-UID among the temporary
// files. The variable TINYSTACK_RUNTIME_DIR, if set, names the only one.
//
// A socket whose process was killed stays behind and refuses connections: Dial
// says so, the next Listen removes it. Nobody else can come by the same name in
// between, for the device is theirs alone.
//
// Each JSON answer carries the [Schema] it follows; a change that breaks readers
// raises the number. What is answered at which path is the program's business.
package control
