//go:build !linux

package main

import "os"

// waitUnread can't tell here: the next write will.
func waitUnread(*os.File) bool { return false }
