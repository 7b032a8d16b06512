package command

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// redisFlags are the flags of commands that use Redis.
type redisFlags struct {
	RedisURL string `required:"" env:"SIMTRANSFER_REDIS_URL" placeholder:"URL" help:"Redis URL, such as redis://user:password@host:6379/0, rediss://… for TLS, or redis-sentinel://:password@host:26379,host:26379/0?master=name&sentinel_password=…. A flag is visible to every user of the host (ps): set the variable if the URL has a password."`
}

// errRedisURL repeats no part of the URL: if the password contains characters
// with a meaning in URLs, the parser may take pieces of it for any other part.
var errRedisURL = errors.New("SIMTRANSFER_REDIS_URL is not a Redis URL such as redis://user:password@host:6379/0; percent-encode special characters of the password")

func (f redisFlags) options() (asynq.RedisConnOpt, error) {
	u, err := url.Parse(f.RedisURL)
	if err != nil {
		return nil, errRedisURL
	}
	// A parser reads redis://:12/34@host as an empty host with port 12.
	if query, _, _ := strings.Cut(u.RawQuery, "="); u.Fragment != "" || strings.Contains(u.Path+query, "@") {
		return nil, errRedisURL
	}
	if u.Scheme == "redis-sentinel" {
		return sentinelOptions(u)
	}
	o, err := asynq.ParseRedisURI(f.RedisURL)
	if err != nil {
		return nil, errRedisURL
	}
	if server, ok := o.(asynq.RedisClientOpt); ok { // asynq ignores the user
		server.Username = u.User.Username()
		return server, nil
	}
	return o, nil
}

// sentinelOptions reads a redis-sentinel:// URL. asynq's own parser uses the
// password only for the sentinels and ignores the database.
func sentinelOptions(u *url.URL) (asynq.RedisConnOpt, error) {
	if u.Query().Get("master") == "" {
		return nil, errors.New("SIMTRANSFER_REDIS_URL does not name the master: use redis-sentinel://:password@host:26379,host:26379/0?master=name")
	}
	password, _ := u.User.Password()
	db := 0
	if path := strings.Trim(u.Path, "/"); path != "" {
		var err error
		if db, err = strconv.Atoi(path); err != nil {
			return nil, errors.New("SIMTRANSFER_REDIS_URL: the database, after the hosts, is not a number")
		}
	}
	return asynq.RedisFailoverClientOpt{
		MasterName:       u.Query().Get("master"),
		SentinelAddrs:    strings.Split(u.Host, ","),
		SentinelPassword: u.Query().Get("sentinel_password"),
		Username:         u.User.Username(),
		Password:         password,
		DB:               db,
	}, nil
}

// newFailFastRedis returns a client that makes one attempt and applies timeout
// to each step of it: connecting, writing, reading. By default go-redis dials
// five times in each of four attempts, which takes minutes if nothing answers,
// even when the context has ended.
func newFailFastRedis(server asynq.RedisConnOpt, timeout time.Duration) (redis.UniversalClient, error) {
	o := redis.UniversalOptions{
		DialTimeout:           timeout,
		DialerRetries:         1,
		ReadTimeout:           timeout,
		WriteTimeout:          timeout,
		PoolTimeout:           timeout,
		ContextTimeoutEnabled: true,
		MaxRetries:            -1,
	}
	switch s := server.(type) {
	case asynq.RedisClientOpt:
		o.Addrs, o.Username, o.Password, o.DB, o.TLSConfig = []string{s.Addr}, s.Username, s.Password, s.DB, s.TLSConfig
	case asynq.RedisFailoverClientOpt:
		o.MasterName, o.Addrs, o.SentinelPassword = s.MasterName, s.SentinelAddrs, s.SentinelPassword
		o.Username, o.Password, o.DB, o.TLSConfig = s.Username, s.Password, s.DB, s.TLSConfig
	default:
		return nil, fmt.Errorf("connecting to Redis by %T is not supported", server)
	}
	return redis.NewUniversalClient(&o), nil
}
