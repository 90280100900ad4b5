package tcp

import (
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/tinystack/tinystack/internal/counter"
)

// keepAlive is what a connection does that was told nothing else. Where probes are off,
// the rest is what they are if they are turned on.
func (cfg *Config) keepAlive() net.KeepAliveConfig {
	every := cfg.KeepAlive
	if every < 0 {
		every = defaultKeepAlive
	}
	return net.KeepAliveConfig{
		Enable: cfg.KeepAlive > 0, Idle: every, Interval: every, Count: defaultKeepAliveCount,
	}
}

// keepAliveConfig is what holds for the connection.
func (c *tcb) keepAliveConfig() net.KeepAliveConfig {
	if c.keepAlive != nil {
		return *c.keepAlive
	}
	return c.cfg.keepAlive()
}

// touchKeepAlive starts the keepalive timer.
func (c *tcb) touchKeepAlive(now instant) {
	c.keepAt = 0
	if k := c.keepAliveConfig(); k.Enable && c.state.synchronized() && c.state != TimeWait {
		c.keepAt = now.add(k.Idle)
	}
}

// keepAliveExpired sends a probe if the peer has been silent, with nothing of
// ours under way that would tell as well (RFC 9293 3.8.4).
func (c *tcb) keepAliveExpired(now instant) {
	c.giveUpGap()
	k := c.keepAliveConfig()
	silent := now.sub(c.lastRecv)
	unanswered := int(c.probes)
	switch {
	case c.fl != nil || c.persisting:
		c.touchKeepAlive(now)
	case silent < k.Idle:
		c.keepAt = c.lastRecv.add(k.Idle)
	case unanswered >= k.Count, c.userTimeout > 0 && unanswered > 0 && silent >= c.userTimeout:
		c.timeOut()
		c.resetNow = true
	default:
		counter.Inc(&c.stats.KeepAliveProbes)
		c.probes++
		c.keepProbe = true
		c.keepAt = now.add(k.Interval)
	}
}

// SetKeepAlive turns keepalive probes on or off (RFC 9293 3.8.4).
func (c *Conn) SetKeepAlive(keepalive bool) error {
	return c.changeKeepAlive(func(now, _ net.KeepAliveConfig) net.KeepAliveConfig {
		now.Enable = keepalive
		return now
	})
}

// SetKeepAlivePeriod sets the time of silence before the first probe. As in net it turns
// nothing on; zero is the default, a negative time changes nothing, and it is rounded up
// to whole seconds, of which there may be 32767.
func (c *Conn) SetKeepAlivePeriod(d time.Duration) error {
	if err := checkKeepAlive(net.KeepAliveConfig{Idle: d}); err != nil {
		return c.opError("set", err)
	}
	return c.changeKeepAlive(func(now, preset net.KeepAliveConfig) net.KeepAliveConfig {
		now.Idle = pick(wholeSeconds(d), preset.Idle, now.Idle)
		return now
	})
}

// SetKeepAliveConfig sets keepalive probes. As in net, a zero Idle, Interval or Count is
// the default, a negative one leaves it unchanged, and times are rounded up to whole
// seconds. Times above 32767 s and counts above 127 are refused with EINVAL.
func (c *Conn) SetKeepAliveConfig(config net.KeepAliveConfig) error {
	if err := checkKeepAlive(config); err != nil {
		return c.opError("set", err)
	}
	return c.changeKeepAlive(func(now, preset net.KeepAliveConfig) net.KeepAliveConfig {
		return net.KeepAliveConfig{
			Enable:   config.Enable,
			Idle:     pick(wholeSeconds(config.Idle), preset.Idle, now.Idle),
			Interval: pick(wholeSeconds(config.Interval), preset.Interval, now.Interval),
			Count:    pick(config.Count, preset.Count, now.Count),
		}
	})
}

type keepAliveChange func(now, preset net.KeepAliveConfig) net.KeepAliveConfig

// changeKeepAlive puts what change makes of the settings now, and of the layer's, in
// their place, and starts the timer again.
func (c *Conn) changeKeepAlive(change keepAliveChange) error {
	return c.do("set", func() {
		k := change(c.tcb.keepAliveConfig(), c.layer.cfg.keepAlive())
		c.tcb.keepAlive = &k
		c.tcb.touchKeepAlive(c.layer.clock.now())
	})
}

// checkKeepAlive refuses what Linux refuses: TCP_KEEPIDLE and TCP_KEEPINTVL are 1
// to 32767 seconds, TCP_KEEPCNT is 1 to 127.
func checkKeepAlive(config net.KeepAliveConfig) error {
	const longest = 32767 * time.Second
	refused := func(name string, value, most any) error {
		return fmt.Errorf("keepalive %s %v: %w: want at most %v", name, value, syscall.EINVAL, most)
	}
	switch {
	case config.Idle > longest:
		return refused("idle", config.Idle, longest)
	case config.Interval > longest:
		return refused("interval", config.Interval, longest)
	case config.Count > 127:
		return refused("count", config.Count, 127)
	}
	return nil
}

// wholeSeconds rounds up a positive duration.
func wholeSeconds(d time.Duration) time.Duration {
	if d <= 0 {
		return d
	}
	return (d + time.Second - 1).Truncate(time.Second)
}

// pick returns v, or the preset for zero, or the value now for a negative one.
func pick[T int | time.Duration](v, preset, now T) T {
	switch {
	case v == 0:
		return preset
	case v < 0:
		return now
	}
	return v
}
