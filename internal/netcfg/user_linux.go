package netcfg

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
)

// user names the process that has the TUN device open, as far as the caller may
// see: the kernel writes the interface's name into /proc/PID/fdinfo. Processes in
// other network namespaces are left out, which may have a device of that name.
func user(device string) string {
	own, _ := os.Readlink("/proc/self/ns/net")
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
		ns, _ := os.Readlink("/proc/" + pid + "/ns/net")
		name, err := os.ReadFile("/proc/" + pid + "/comm")
		if err != nil || ns != own {
			continue // it has just ended, or is elsewhere
		}
		return "process " + pid + " (" + strings.TrimSpace(string(name)) + ")"
	}
	return "another process"
}
