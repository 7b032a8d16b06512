package process

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"
)

func TestRedisURL(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]redis.UniversalOptions{
		"redis://host":                    {Addrs: []string{"host:6379"}},
		"redis://[::1]:6380/1":            {Addrs: []string{"[::1]:6380"}, DB: 1},
		"redis://user:p%2Fw@host:6379/3":  {Addrs: []string{"host:6379"}, Username: "user", Password: "p/w", DB: 3},
		"rediss://user:p%2Fw@host:6379/3": {Addrs: []string{"host:6379"}, Username: "user", Password: "p/w", DB: 3},
		"redis-sentinel://user:pw@a:26379,b/2?master=m&sentinel_password=s@w": {
			MasterName: "m", Addrs: []string{"a:26379", "b:26379"}, Username: "user", Password: "pw", SentinelPassword: "s@w", DB: 2,
		},
		"rediss-sentinel://a?master=m": {MasterName: "m", Addrs: []string{"a:26379"}},
	} {
		got, err := RedisFlags{RedisURL: url}.options()
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		want.ClientName = "simtransfer"
		if diff := cmp.Diff(want, redis.UniversalOptions(got), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(redis.UniversalOptions{}, "TLSConfig")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
		if (got.TLSConfig != nil) != strings.HasPrefix(url, "rediss") {
			t.Errorf("%s: TLS is %+v", url, got.TLSConfig)
		}
	}
}

func TestRedisURLIsRefused(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]RedisFlags{
		"no URL":                        {RedisURL: "host:6379"},
		"no host":                       {RedisURL: "redis://"},
		"another scheme":                {RedisURL: "https://host"},
		"a database that is no number":  {RedisURL: "redis://host/x"},
		"sentinels without a master":    {RedisURL: "redis-sentinel://a,b"},
		"an empty sentinel":             {RedisURL: "redis-sentinel://a,,b?master=m"},
		"a database that is too large":  {RedisURL: "redis://host/65536"},
		"a password as a parameter":     {RedisURL: "redis://host/0?password=geheim"},
		"a database as a parameter":     {RedisURL: "redis://host?db=3"},
		"an unknown sentinel parameter": {RedisURL: "redis-sentinel://a?master=m&sentinel_passwort=geheim"},
		"two masters":                   {RedisURL: "redis-sentinel://a?master=m&master=n"},
		"a parameter that is no text":   {RedisURL: "redis-sentinel://a?master=m&sentinel_password=%zz"},
		"a CA without TLS":              {RedisURL: "redis://host", RedisCAFile: "ca.pem"},
		"a CA that is not there":        {RedisURL: "rediss://host", RedisCAFile: "/nowhere/ca.pem"},
		"a CA that is no certificate":   {RedisURL: "rediss://host", RedisCAFile: "redis_test.go"},
		"a certificate without a key":   {RedisURL: "rediss://host", RedisCertFile: "redis_test.go"},
		"a key that is no key":          {RedisURL: "rediss://host", RedisCertFile: "redis_test.go", RedisKeyFile: "redis_test.go"},
	} {
		if _, err := f.options(); err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

func mustRedis(t *testing.T, url string) RedisServer {
	t.Helper()
	o, err := RedisFlags{RedisURL: url}.options()
	if err != nil {
		t.Fatal(err)
	}
	return o
}
