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

// redisServer is the flag that names Redis.
type redisServer struct {
	RedisURL string `required:"" env:"SIMTRANSFER_REDIS_URL" placeholder:"URL" help:"Redis, such as redis://user:password@host:6379/0, rediss://… for TLS, or redis-sentinel://:password@host:26379,host:26379/0?master=name&sentinel_password=…."`
}

// errRedisURL repeats nothing of the URL: a password with characters that mean
// something else in a URL can be misread as any other part.
var errRedisURL = errors.New("SIMTRANSFER_REDIS_URL is not a Redis URL such as redis://user:password@host:6379/0; percent-encode special characters of the password")

func (r redisServer) options() (asynq.RedisConnOpt, error) {
	u, err := url.Parse(r.RedisURL)
	if err != nil {
		return nil, errRedisURL
	}
	// redis://:12/34@host is the host "" with the port 12 to a parser.
	if query, _, _ := strings.Cut(u.RawQuery, "="); u.Fragment != "" || strings.Contains(u.Path+query, "@") {
		return nil, errRedisURL
	}
	if u.Scheme == "redis-sentinel" {
		return sentinel(u)
	}
	o, err := asynq.ParseRedisURI(r.RedisURL)
	if err != nil {
		return nil, errRedisURL
	}
	if server, ok := o.(asynq.RedisClientOpt); ok { // the library ignores the user
		server.Username = u.User.Username()
		return server, nil
	}
	return o, nil
}

// sentinel reads a redis-sentinel:// URL. The library's own reading gives the
// password to the sentinels alone and ignores the database.
func sentinel(u *url.URL) (asynq.RedisConnOpt, error) {
	if u.Query().Get("master") == "" {
		return nil, errors.New("SIMTRANSFER_REDIS_URL has to name the master: redis-sentinel://:password@host:26379,host:26379/0?master=name")
	}
	password, _ := u.User.Password()
	db := 0
	if path := strings.Trim(u.Path, "/"); path != "" {
		var err error
		if db, err = strconv.Atoi(path); err != nil {
			return nil, errors.New("SIMTRANSFER_REDIS_URL: the database, behind the hosts, is not a number")
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

// impatientRedis returns a client that tries everything once and gives each step
// so long. The library's own way is to dial five times for each of four attempts,
// which takes minutes where nothing answers, whatever the context says.
func impatientRedis(server asynq.RedisConnOpt, patience time.Duration) (redis.UniversalClient, error) {
	o := redis.UniversalOptions{
		DialTimeout:           patience,
		DialerRetries:         1,
		ReadTimeout:           patience,
		WriteTimeout:          patience,
		PoolTimeout:           patience,
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
		return nil, fmt.Errorf("a Redis of the kind %T is not known", server)
	}
	return redis.NewUniversalClient(&o), nil
}
