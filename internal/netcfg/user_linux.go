package netcfg

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
)

// user names the process that has the TUN device open, as far as the caller may
// see: the kernel writes the interface's name into /proc/PID/fdinfo.
func user(device string) string {
	files, err := filepath.Glob("/proc/[0-9]*/fdinfo/*")
	if err != nil {
		return "another process"
	}
	for _, file := range files {
		info, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(info, []byte("\niff:\t"+device+"\n")) {
			continue
		}
		pid := strings.Split(file, "/")[2]
		name, err := os.ReadFile("/proc/" + pid + "/comm")
		if err != nil {
			continue // it has just ended
		}
		return "process " + pid + " (" + strings.TrimSpace(string(name)) + ")"
	}
	return "another process"
}
