package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/hibiken/asynqmon"
	"github.com/lib/pq"

	"simtransfer/api"
	"simtransfer/radius"
	"simtransfer/scheduler"
	"simtransfer/storage"
	"simtransfer/worker"
)

// database is the flag that names PostgreSQL.
type database struct {
	DatabaseURL postgresURL `required:"" env:"SIMTRANSFER_DATABASE_URL" placeholder:"URL" help:"PostgreSQL, such as postgres://user:password@host:5432/simtransfer."`
	MaxConns    maxConns    `default:"20" env:"SIMTRANSFER_MAX_CONNS" help:"Database connections that this process opens at most."`
}

// maxConns is the size of a pool. A transaction holds one connection, and the
// lease on its work is renewed by another.
type maxConns int

// Validate is called by kong.
func (n maxConns) Validate() error {
	if n < 2 {
		return errors.New("SIMTRANSFER_MAX_CONNS has to be at least 2")
	}
	return nil
}

// postgresURL says which database.
type postgresURL string

// check refuses a variable that is set to nothing, or to no URL.
func (u postgresURL) check() error {
	if u == "" {
		return errors.New("set --database-url (SIMTRANSFER_DATABASE_URL) to a URL such as postgres://user:password@host:5432/simtransfer")
	}
	if err := storage.CheckURL(string(u)); err != nil {
		return fmt.Errorf("SIMTRANSFER_DATABASE_URL cannot be used: %w", err)
	}
	return nil
}

// explainTLS says what to do when the server has no TLS, which lib/pq asks for
// where the URL does not say.
func explainTLS(err error) error {
	if errors.Is(err, pq.ErrSSLNotSupported) {
		return fmt.Errorf("%w; give it TLS, or end SIMTRANSFER_DATABASE_URL with ?sslmode=disable where the network can be trusted", err)
	}
	return err
}

// open connects to a database that is at this build's schema.
func (d database) open(ctx context.Context, o storage.Options) (*storage.DB, error) {
	if err := d.DatabaseURL.check(); err != nil {
		return nil, err
	}
	o.MaxConns = int(d.MaxConns)
	db, err := storage.Open(ctx, string(d.DatabaseURL), o)
	if errors.Is(err, pq.ErrSSLNotSupported) {
		return nil, explainTLS(err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; is SIMTRANSFER_DATABASE_URL right, and is PostgreSQL up?", err)
	}
	if err := db.CheckSchema(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

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

// service is what every process of the service has.
type service struct {
	database
	redisServer
}

// connect opens the database, says where Redis is, and warns of their settings.
func (s service) connect(ctx context.Context, log *slog.Logger, o storage.Options) (*storage.DB, asynq.RedisConnOpt, error) {
	redis, err := s.options()
	if err != nil {
		return nil, nil, err
	}
	db, err := s.open(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	limitMemory()
	warnOfSettings(ctx, log, db, redis)
	return db, redis, nil
}

type migrateCommand struct {
	DatabaseURL postgresURL `required:"" env:"SIMTRANSFER_DATABASE_URL" placeholder:"URL" help:"PostgreSQL, such as postgres://user:password@host:5432/simtransfer."`
}

func (c *migrateCommand) Run(ctx context.Context, log *slog.Logger) error {
	if err := c.DatabaseURL.check(); err != nil {
		return err
	}
	if err := storage.Migrate(ctx, string(c.DatabaseURL)); err != nil {
		return explainTLS(err)
	}
	log.InfoContext(ctx, "the database is at this build's schema")
	return nil
}

type apiCommand struct {
	service
	Listen      string        `default:":8080" env:"SIMTRANSFER_LISTEN" help:"Address to serve HTTP on."`
	Review      time.Duration `default:"168h" env:"SIMTRANSFER_REVIEW_PERIOD" help:"How long support has to review a request."`
	Acceptance  time.Duration `default:"24h" env:"SIMTRANSFER_ACCEPTANCE_PERIOD" help:"How long the destination has to accept, where a request does not say (1s to 720h)."`
	TrustProxy  bool          `env:"SIMTRANSFER_TRUST_PROXY" help:"Take clients' addresses, for the audit trail, from X-Forwarded-For as the proxy in front wrote it."`
	RateLimit   int           `default:"100" env:"SIMTRANSFER_RATE_LIMIT" help:"Calls per second of each API key, and twice as many at once; 0 sets no limit. While Redis is away there is none."`
	OpsReadOnly bool          `env:"SIMTRANSFER_OPS_READ_ONLY" help:"Make the page on the queues show and change nothing."`
}

func (c *apiCommand) Validate() error {
	if c.Review < time.Second {
		return errors.New("--review (SIMTRANSFER_REVIEW_PERIOD) has to be at least 1s")
	}
	if c.Acceptance < time.Second || c.Acceptance > 720*time.Hour {
		return errors.New("--acceptance (SIMTRANSFER_ACCEPTANCE_PERIOD) has to be from 1s to 720h")
	}
	if c.RateLimit < 0 {
		return errors.New("--rate-limit (SIMTRANSFER_RATE_LIMIT) has to be 0 or more")
	}
	return nil
}

func (c *apiCommand) Run(ctx context.Context, log *slog.Logger) error {
	db, redis, err := c.connect(ctx, log, storage.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	queues := asynqmon.New(asynqmon.Options{RootPath: "/ops/queues", RedisConnOpt: redis, ReadOnly: c.OpsReadOnly})
	defer func() { _ = queues.Close() }()
	limits, err := newLimiter(redis, c.RateLimit)
	if err != nil {
		return err
	}
	defer func() { _ = limits.Close() }()
	handler := api.New(api.Config{ //nolint:contextcheck // a handler's context is its request's
		DB:               db,
		Ops:              queues,
		Limiter:          limits.orNone(),
		ReviewPeriod:     c.Review,
		AcceptancePeriod: c.Acceptance,
		TrustProxy:       c.TrustProxy,
		Stopping:         ctx.Done(),
		Log:              log,
		Version:          version(),
	})
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w; set --listen (SIMTRANSFER_LISTEN) to a free address", c.Listen, err)
	}
	return httpServer{handler, stopPatience}.serve(ctx, log, listener)
}

// stopPatience is how long calls have to end when the process is told to.
const stopPatience = 20 * time.Second

// httpServer is what answers HTTP.
type httpServer struct {
	handler  http.Handler
	patience time.Duration // for running calls, at the end
}

// serve answers HTTP until ctx ends, and then what has been asked already, as
// far as that goes in time. Calls that are cut off then are no error of the
// process: a client that repeats one with its Idempotency-Key gets the answer.
func (s httpServer) serve(ctx context.Context, log *slog.Logger, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.patience)
		defer cancel()
		err := server.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			log.WarnContext(ctx, "calls that took too long to end were cut off", "after", s.patience)
			err = server.Close()
		}
		stopped <- err
	}()
	log.InfoContext(ctx, "API is serving", "address", listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return <-stopped
}

type workerCommand struct {
	service
	Interactive  int           `default:"4" env:"SIMTRANSFER_WORKER_INTERACTIVE" help:"Small requests worked on at once."`
	Bulk         int           `default:"3" env:"SIMTRANSFER_WORKER_BULK" help:"Chunks of large requests worked on at once, by all workers about one more than the database has cores."`
	Gateway      int           `default:"16" env:"SIMTRANSFER_WORKER_GATEWAY" help:"Pieces of a batch's drop work at once, each about the sessions of one gateway. Small requests have four of their own."`
	DropAttempts int           `default:"5" env:"SIMTRANSFER_DROP_ATTEMPTS" help:"Tries to drop a session before its SIM fails with session_not_dropped."`
	DropBackoff  time.Duration `default:"2s" env:"SIMTRANSFER_DROP_BACKOFF" help:"Wait after the first such try; it doubles after each."`
	DropTimeout  time.Duration `default:"3s" env:"SIMTRANSFER_DROP_TIMEOUT" help:"How long a gateway has to answer, retransmissions included."`
}

func (c *workerCommand) Validate() error {
	if c.Interactive < 1 || c.Bulk < 1 || c.Gateway < 1 || c.DropAttempts < 1 {
		return errors.New("--interactive, --bulk, --gateway and --drop-attempts have to be at least 1")
	}
	if c.DropBackoff <= 0 || c.DropTimeout <= 0 {
		return errors.New("--drop-backoff and --drop-timeout have to be above 0, such as 2s")
	}
	return nil
}

func (c *workerCommand) Run(ctx context.Context, log *slog.Logger) error {
	db, redis, err := c.connect(ctx, log, storage.Options{GenericPlans: true})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	gateways := disconnector{radius.Client{Timeout: c.DropTimeout, Retry: c.DropTimeout / 3}, &databaseClock{db: db}}
	return worker.New(db, gateways, log, worker.Config{
		Interactive:  c.Interactive,
		Bulk:         c.Bulk,
		Gateway:      c.Gateway,
		DropAttempts: c.DropAttempts,
		DropBackoff:  c.DropBackoff,
	}).Run(ctx, redis)
}

// disconnector is RADIUS as a worker sees it.
type disconnector struct {
	client radius.Client
	clock  *databaseClock
}

func (d disconnector) Drop(ctx context.Context, s storage.OpenSession) (worker.Answer, error) {
	result, err := d.client.Disconnect(ctx, radius.Gateway{Address: *s.Server, Secret: []byte(*s.Secret)}, radius.Session{
		ID:               s.AcctSessionID,
		Username:         s.Username,
		CallingStationID: s.CallingStationID,
		NASIPAddress:     s.NASIPAddress,
		At:               d.clock.now(ctx),
	})
	if errors.Is(err, radius.ErrInvalid) {
		return worker.Answer{Why: err.Error()}, nil // of this session alone: others of the chunk go on
	}
	if err != nil {
		return worker.Answer{}, err
	}
	return worker.Answer{
		Gone:   result.Gone(),
		Silent: result.Outcome == radius.Silent,
		Why:    fmt.Sprintf("gateway %s: %s", s.NASIPAddress, result),
	}, nil
}

type schedulerCommand struct {
	service
	Dispatch  time.Duration `default:"25ms" env:"SIMTRANSFER_DISPATCH_INTERVAL" help:"How often new work is looked for."`
	Reconcile time.Duration `default:"3s" env:"SIMTRANSFER_RECONCILE_INTERVAL" help:"How often lost work is looked for."`
	Expire    time.Duration `default:"1s" env:"SIMTRANSFER_EXPIRE_INTERVAL" help:"How often expired requests are looked for."`
}

func (c *schedulerCommand) Validate() error {
	if c.Dispatch <= 0 || c.Reconcile <= 0 || c.Expire <= 0 {
		return errors.New("--dispatch, --reconcile and --expire have to be above 0, such as 25ms")
	}
	return nil
}

func (c *schedulerCommand) Run(ctx context.Context, log *slog.Logger) error {
	db, redis, err := c.connect(ctx, log, storage.Options{GenericPlans: true})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return scheduler.New(db, redis, log, scheduler.Config{
		Dispatch:  c.Dispatch,
		Reconcile: c.Reconcile,
		Expire:    c.Expire,
	}).Run(ctx)
}
