package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// programVar names the built program to the children that nstest starts.
const programVar = "TINYSTACK_E2E_PROGRAM"

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	if os.Getenv(programVar) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "tinystack-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "tinystack")
	build := exec.Command("go", "build", fmt.Sprintf("-race=%v", race), "-o", program, "../cmd/tinystack")
	// An ordinary user, as whom one test runs the program, must reach it.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build of the program: %v\n%s", err, out)
		return 1
	}
	os.Setenv(programVar, program)
	return m.Run()
}
