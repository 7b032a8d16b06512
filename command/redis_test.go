package command

import (
	"testing"

	"github.com/hibiken/asynq"
)

// The user name in a Redis URL must be used, with TLS and without.
func TestRedisUser(t *testing.T) {
	t.Parallel()
	for url, tls := range map[string]bool{
		"redis://user:p%2Fw@host:6379/3":  false,
		"rediss://user:p%2Fw@host:6379/3": true,
	} {
		o, err := redisFlags{url}.options()
		if err != nil {
			t.Fatal(err)
		}
		got, ok := o.(asynq.RedisClientOpt)
		if !ok || got.Username != "user" || got.Password != "p/w" || got.Addr != "host:6379" || got.DB != 3 {
			t.Errorf("%s: %+v", url, o)
		}
		if (got.TLSConfig != nil) != tls || tls && got.TLSConfig.ServerName != "host" {
			t.Errorf("%s: TLS is %+v", url, got.TLSConfig)
		}
	}
	o, err := redisFlags{"redis-sentinel://user:pw@a:26379,b:26379/2?master=m&sentinel_password=s@w"}.options()
	if got, ok := o.(asynq.RedisFailoverClientOpt); !ok || err != nil || got.Username != "user" || got.Password != "pw" ||
		got.SentinelPassword != "s@w" || len(got.SentinelAddrs) != 2 || got.DB != 2 {
		t.Errorf("%+v, %v", o, err)
	}
}

func mustRedis(t *testing.T, url string) asynq.RedisConnOpt {
	t.Helper()
	o, err := redisFlags{url}.options()
	if err != nil {
		t.Fatal(err)
	}
	return o
}
