package process

import (
	"net"
	"strings"
	"testing"
	"time"

	"simtransfer/dev/servers/serverstest"
)

func TestRedisInfo(t *testing.T) {
	t.Parallel()
	if info, err := redisInfo(t.Context(), mustRedis(t, serverstest.RedisURL(t))); err != nil || info["redis_version"] == "" {
		t.Errorf("%v, %v", info, err)
	}
}

// A Redis that accepts connections but never responds, and sentinels that do so,
// must not keep a process from starting.
func TestSilentRedisDoesNotBlock(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // after the parallel subtests
	for name, o := range map[string]RedisServer{
		"Redis":     {Addrs: []string{l.Addr().String()}},
		"a URL":     mustRedis(t, "redis://user:pw@"+l.Addr().String()),
		"sentinels": {MasterName: "m", Addrs: []string{l.Addr().String()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			if _, err := redisInfo(t.Context(), o); err == nil {
				t.Error("no error")
			}
			if took := time.Since(began); took > 2*infoTimeout {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestRedisWarnings(t *testing.T) {
	t.Parallel()
	const good = "# Server\r\nredis_version:7.0.15\r\nrole:master\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n"
	for _, c := range []struct{ name, info, want string }{
		{"good settings", good, ""},
		{"no answer", "", ""},
		{"too old", strings.Replace(good, "7.0.15", "6.0.9", 1), "6.2"},
		{"much too old", strings.Replace(good, "7.0.15", "5.9", 1), "6.2"},
		{"just new enough", strings.Replace(good, "7.0.15", "6.2.0", 1), ""},
		{"evicting", strings.Replace(good, "noeviction", "allkeys-lru", 1), "maxmemory-policy allkeys-lru"},
		{"without appendonly", strings.Replace(good, "aof_enabled:1", "aof_enabled:0", 1), "appendonly"},
		{"a replica", strings.Replace(good, "role:master", "role:slave", 1), "replica"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			warnings := strings.Join(redisWarnings(parseInfo(c.info)), "\n")
			if (c.want == "") != (warnings == "") || !strings.Contains(warnings, c.want) {
				t.Errorf("the warnings are %q, want %q", warnings, c.want)
			}
		})
	}
}
