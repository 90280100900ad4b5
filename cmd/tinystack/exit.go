package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/tinystack/tinystack/internal/netcfg"
)

// Exit codes.
const (
	exitOK         = 0
	exitFailure    = 1
	exitUsage      = 2
	exitNoInstance = 69 // no instance is running to be asked
	exitMissing    = 77 // a privilege, the device or the subnet is missing

	exitInterrupted = 130 // by Ctrl-C, as a shell has it; of commands that come to an end by themselves
)

// usageError is an error in what the user typed.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// codeError ends the program with a code of its own; where err is nil its output
// has said all.
type codeError struct {
	code int
	err  error
}

func (e codeError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e codeError) Unwrap() error { return e.err }

// report writes err for the user and returns the exit code it stands for.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	for _, line := range said(err) {
		fmt.Fprintf(w, "tinystack: %s\n", line)
	}
	return exitCode(err)
}

// said is what is to be said of err: of several joined errors each, but for those whose
// output has said all.
func said(err error) (lines []string) {
	var coded codeError
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			lines = append(lines, said(e)...)
		}
		return lines
	}
	if errors.As(err, &coded) && coded.err == nil {
		return nil
	}
	return []string{err.Error()}
}

func exitCode(err error) int {
	var (
		coded   codeError
		usage   usageError
		missing *netcfg.MissingError
	)
	switch {
	case errors.As(err, &missing):
		return exitMissing
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &coded):
		return coded.code
	}
	return exitFailure
}
