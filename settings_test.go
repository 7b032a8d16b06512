package main

import (
	"strings"
	"testing"
)

func TestRedisWarnings(t *testing.T) {
	t.Parallel()
	const good = "# Server\r\nredis_version:7.0.15\r\nrole:master\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n"
	for _, c := range []struct{ name, info, says string }{
		{"as it should be", good, ""},
		{"no answer", "", ""},
		{"too old", strings.Replace(good, "7.0.15", "6.0.9", 1), "6.2"},
		{"much too old", strings.Replace(good, "7.0.15", "5.9", 1), "6.2"},
		{"just new enough", strings.Replace(good, "7.0.15", "6.2.0", 1), ""},
		{"evicting", strings.Replace(good, "noeviction", "allkeys-lru", 1), "maxmemory-policy allkeys-lru"},
		{"without a log", strings.Replace(good, "aof_enabled:1", "aof_enabled:0", 1), "appendonly"},
		{"a replica", strings.Replace(good, "role:master", "role:slave", 1), "replica"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			said := strings.Join(redisWarnings(parseInfo(c.info)), "\n")
			if (c.says == "") != (said == "") || !strings.Contains(said, c.says) {
				t.Errorf("the warnings are %q, want something with %q", said, c.says)
			}
		})
	}
}
