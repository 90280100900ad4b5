//go:build race

package tcp

// raceEnabled: simulations that take seconds are for runs without it.
const raceEnabled = true
