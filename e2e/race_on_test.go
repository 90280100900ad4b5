//go:build race

package e2e

// race is whether the program is to be built with the race detector, as the tests are.
const race = true
