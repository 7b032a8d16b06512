package process

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisFlags are the flags of commands that use Redis.
type RedisFlags struct {
	RedisURL      string `required:"" env:"SIMTRANSFER_REDIS_URL" placeholder:"URL" help:"Redis URL, such as redis://user:password@host:6379/0, or redis-sentinel://:password@host:26379,host:26379/0?master=name&sentinel_password=…. rediss:// and rediss-sentinel:// use TLS. A flag is visible to every user of the host (ps): set the variable if the URL has a password."`
	RedisCAFile   string `type:"path" env:"SIMTRANSFER_REDIS_CA_FILE" placeholder:"FILE" help:"Certificates (PEM) of the authorities that sign the certificate of Redis and of the sentinels. Default: those of the system."`
	RedisCertFile string `type:"path" env:"SIMTRANSFER_REDIS_CERT_FILE" placeholder:"FILE" help:"Certificate (PEM) that this process shows to Redis."`
	RedisKeyFile  string `type:"path" env:"SIMTRANSFER_REDIS_KEY_FILE" placeholder:"FILE" help:"Private key (PEM) of that certificate."`
}

// RedisServer says how to connect to Redis. It is an asynq.RedisConnOpt: asynq's
// own options have no connection names and no TLS for sentinels, and ignore parts
// of the URL.
type RedisServer redis.UniversalOptions

// MakeRedisClient implements asynq.RedisConnOpt.
func (s RedisServer) MakeRedisClient() any {
	o := redis.UniversalOptions(s)
	return redis.NewUniversalClient(&o)
}

// newFailFastRedis returns a client that makes one attempt and applies timeout
// to each step of it: connecting, writing, reading. By default go-redis dials
// five times in each of four attempts, which takes minutes if nothing answers,
// even when the context has ended.
func newFailFastRedis(server RedisServer, timeout time.Duration) redis.UniversalClient {
	o := redis.UniversalOptions(server)
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true
	o.MaxRetries = -1
	return redis.NewUniversalClient(&o)
}

// failFastServer is a RedisServer whose clients are made by newFailFastRedis.
type failFastServer struct {
	RedisServer
	timeout time.Duration
}

// MakeRedisClient implements asynq.RedisConnOpt.
func (s failFastServer) MakeRedisClient() any { return newFailFastRedis(s.RedisServer, s.timeout) }

// errRedisURL repeats no part of the URL: if the password contains characters
// with a meaning in URLs, the parser may take pieces of it for any other part.
var errRedisURL = errors.New("SIMTRANSFER_REDIS_URL is not a Redis URL such as redis://user:password@host:6379/0; percent-encode special characters of the password")

func (f RedisFlags) options() (RedisServer, error) {
	u, err := url.Parse(withSentinelPorts(f.RedisURL))
	if err != nil {
		return RedisServer{}, errRedisURL
	}
	// A parser reads redis://:12/34@host as an empty host with port 12.
	if query, _, _ := strings.Cut(u.RawQuery, "="); u.Fragment != "" || strings.Contains(u.Path+query, "@") {
		return RedisServer{}, errRedisURL
	}
	if err := checkRedisParameters(u); err != nil {
		return RedisServer{}, err
	}
	password, _ := u.User.Password()
	o := RedisServer{Username: u.User.Username(), Password: password, ClientName: "simtransfer"}
	switch u.Scheme {
	case "redis-sentinel", "rediss-sentinel":
		if err := o.addSentinels(u); err != nil {
			return o, err
		}
	case "redis", "rediss":
		if u.Hostname() == "" {
			return o, errRedisURL
		}
		o.Addrs = []string{withPort(u.Host, "6379")}
	default:
		return o, errRedisURL
	}
	if o.DB, err = redisDatabase(u.Path); err != nil {
		return o, err
	}
	o.TLSConfig, err = f.tls(u)
	return o, err
}

// checkRedisParameters refuses a parameter that would have no effect, such as a
// password under a wrong name. It repeats neither the name nor the value: both may
// be parts of a password.
func checkRedisParameters(u *url.URL) error {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errRedisURL
	}
	var known []string
	if strings.HasSuffix(u.Scheme, "-sentinel") {
		known = []string{"master", "sentinel_username", "sentinel_password"}
	}
	for name, values := range query {
		if !slices.Contains(known, name) || len(values) > 1 {
			return errors.New("SIMTRANSFER_REDIS_URL has a parameter that is unknown or given twice: a redis-sentinel:// URL can have master, sentinel_username and sentinel_password, and a redis:// URL has none; its password is before the host, and the number of the database after it")
		}
	}
	return nil
}

func (s *RedisServer) addSentinels(u *url.URL) error {
	s.MasterName = u.Query().Get("master")
	if s.MasterName == "" {
		return errors.New("SIMTRANSFER_REDIS_URL does not name the master: use redis-sentinel://:password@host:26379,host:26379/0?master=name")
	}
	s.SentinelPassword = u.Query().Get("sentinel_password")
	s.SentinelUsername = u.Query().Get("sentinel_username")
	s.Addrs = strings.Split(u.Host, ",")
	return nil
}

// withSentinelPorts adds the default port to each sentinel without one: net/url
// refuses a list of which only some have one.
func withSentinelPorts(text string) string {
	scheme, rest, ok := strings.Cut(text, "-sentinel://")
	if !ok {
		return text
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	start := strings.LastIndexByte(rest[:end], '@') + 1
	hosts := strings.Split(rest[start:end], ",")
	for i, host := range hosts {
		if host == "" {
			return "" // refused
		}
		hosts[i] = withPort(host, "26379")
	}
	return scheme + "-sentinel://" + rest[:start] + strings.Join(hosts, ",") + rest[end:]
}

// withPort adds a port to a host without one.
func withPort(host, port string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

func redisDatabase(path string) (int, error) {
	text := strings.Trim(path, "/")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, errors.New("SIMTRANSFER_REDIS_URL: the database, after the hosts, is not a number from 0 to 65535")
	}
	return int(n), nil
}

// tls returns the TLS settings, nil for a URL without TLS.
func (f RedisFlags) tls(u *url.URL) (*tls.Config, error) {
	if !strings.HasPrefix(u.Scheme, "rediss") {
		if f.RedisCAFile+f.RedisCertFile+f.RedisKeyFile != "" {
			return nil, errors.New("there are certificates for Redis (SIMTRANSFER_REDIS_CA_FILE, …_CERT_FILE, …_KEY_FILE), but SIMTRANSFER_REDIS_URL does not use TLS: start it with rediss:// or rediss-sentinel://")
		}
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.RedisCAFile != "" {
		pem, err := os.ReadFile(f.RedisCAFile)
		if err != nil {
			return nil, fmt.Errorf("reading SIMTRANSFER_REDIS_CA_FILE: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("SIMTRANSFER_REDIS_CA_FILE: %s has no PEM certificate", f.RedisCAFile)
		}
	}
	if (f.RedisCertFile == "") != (f.RedisKeyFile == "") {
		return nil, errors.New("set SIMTRANSFER_REDIS_CERT_FILE and SIMTRANSFER_REDIS_KEY_FILE together, or neither")
	}
	if f.RedisCertFile != "" {
		pair, err := tls.LoadX509KeyPair(f.RedisCertFile, f.RedisKeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading SIMTRANSFER_REDIS_CERT_FILE and SIMTRANSFER_REDIS_KEY_FILE: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// logRedis makes go-redis write its lines to a log, at debug level: what they
// report is also an error of the call that failed. go-redis has one logger for
// the whole process, so only the first call counts.
func logRedis(log *slog.Logger) {
	redisLog.Do(func() { redis.SetLogger(redisLogger{log}) })
}

var redisLog sync.Once //nolint:gochecknoglobals // like the logger of go-redis

type redisLogger struct{ log *slog.Logger }

// Printf implements the logger of go-redis.
func (l redisLogger) Printf(ctx context.Context, format string, v ...any) {
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.DebugContext(ctx, "redis client", "message", fmt.Sprintf(format, v...))
	}
}
