//go:build race

package link

// raceEnabled: the race detector has sync.Pool forget things at random.
const raceEnabled = true
