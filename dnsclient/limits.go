package dnsclient

import (
	"cmp"
	"fmt"
	"time"
)

// setInt puts the preset where *v is zero, and refuses what is out of range;
// field is the value's name, as "ClientConfig.UDPSize".
func setInt(field string, v *int, preset, low, high int) error {
	*v = cmp.Or(*v, preset)
	if *v < low || *v > high {
		return fmt.Errorf("dnsclient: %s %d: want %d to %d", field, *v, low, high)
	}
	return nil
}

// setTime is setInt for a time.
func setTime(field string, v *time.Duration, preset, low, high time.Duration) error {
	*v = cmp.Or(*v, preset)
	if *v < low || *v > high {
		return fmt.Errorf("dnsclient: %s %v: want %v to %v", field, *v, low, high)
	}
	return nil
}
