//go:build !linux

package link

// newAlarm returns an alarm by Go's clock.
func newAlarm(Device) alarm { return newClockAlarm() }
