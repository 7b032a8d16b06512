package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"simtransfer/storage"
)

// checkServers checks the settings of Redis that the guarantees of the service
// depend on, and logs a warning for each that is unsafe. It returns an error for a
// Redis that cannot be used. If Redis does not answer, it logs that
// and does not wait: work stays in PostgreSQL until Redis is up. checked is false
// if Redis still has to be checked then.
func checkServers(ctx context.Context, log *slog.Logger, db *storage.DB, server RedisServer) (checked bool, err error) {
	info, err := inspectRedis(ctx, db, server)
	var unusable *unusableRedis
	if errors.As(err, &unusable) {
		return false, err
	}
	if err != nil {
		log.WarnContext(ctx, "Redis does not answer, or does not accept changes; work waits in PostgreSQL until it does", "error", err.Error())
	}
	logWarnings(ctx, log, redisWarnings(info))
	return err == nil, nil
}

// unusableRedis says why a Redis cannot be used.
type unusableRedis struct{ reason string }

func (e *unusableRedis) Error() string { return "SIMTRANSFER_REDIS_URL names " + e.reason }

// inspectRedis reads the settings of Redis, and marks it as that of this
// installation. It returns an *unusableRedis for one that cannot be used, and
// another error if it cannot tell.
func inspectRedis(ctx context.Context, db *storage.DB, server RedisServer) (map[string]string, error) {
	info, err := redisInfo(ctx, server)
	if err != nil {
		return nil, err
	}
	if err := checkRedis(info); err != nil {
		return nil, err
	}
	id, err := db.Installation(ctx)
	if err != nil {
		return info, err
	}
	return info, claimRedis(ctx, server, id.String())
}

// redisCheckInterval is the time between two looks for a Redis that was down at
// the start.
const redisCheckInterval = 5 * time.Second

// awaitRedis waits until Redis can be inspected, and returns an *unusableRedis if
// it cannot be used.
func awaitRedis(ctx context.Context, db *storage.DB, server RedisServer, interval time.Duration) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		_, err := inspectRedis(ctx, db, server)
		var unusable *unusableRedis
		if err == nil || errors.As(err, &unusable) {
			return err
		}
	}
}

// installationKey is the key in Redis with the id of the installation that uses
// the Redis database.
const installationKey = "simtransfer:installation"

// claimRedis marks a Redis database as that of an installation, and refuses one
// that belongs to another: their tasks have the same names, and the workers of one
// would take the tasks of the other.
func claimRedis(ctx context.Context, server RedisServer, id string) error {
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	client := newFailFastRedis(server, infoTimeout)
	defer func() { _ = client.Close() }()
	claimErr := client.SetNX(ctx, installationKey, id, 0).Err()
	owner, err := client.Get(ctx, installationKey).Result()
	switch {
	case claimErr != nil && errors.Is(err, redis.Nil):
		return fmt.Errorf("marking Redis as used: %w", claimErr)
	case err != nil:
		return fmt.Errorf("reading who uses Redis: %w", err)
	case owner != id:
		return &unusableRedis{fmt.Sprintf("a Redis database that another installation of simtransfer uses: each needs its own, such as redis://host:6379/1. "+
			"If the other one no longer exists, delete the key %s in it", installationKey)}
	}
	return nil
}

// checkRedis refuses a node of a cluster: the queues of other nodes would be out
// of reach.
func checkRedis(info map[string]string) error {
	if info["cluster_enabled"] != "1" {
		return nil
	}
	return &unusableRedis{"a node of a Redis Cluster, which is not supported: use a single Redis, or one with replicas and Sentinel for failover"}
}

// infoTimeout is how long checkServers waits for Redis.
const infoTimeout = 2 * time.Second

func redisInfo(ctx context.Context, server RedisServer) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	client := newFailFastRedis(server, infoTimeout)
	defer func() { _ = client.Close() }()
	text, err := client.Info(ctx, "everything").Result()
	if err != nil {
		return nil, fmt.Errorf("reading the settings of Redis: %w", err)
	}
	return parseInfo(text), nil
}

// redisWarnings returns a warning for each unsafe setting among the fields of
// INFO. It ignores fields that are missing.
func redisWarnings(info map[string]string) []string {
	var list []string
	warn := func(when bool, format string, args ...any) {
		if when {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	version, policy := info["redis_version"], info["maxmemory_policy"]
	warn(version != "" && olderThan(version, 6, 2), "Redis is version %s; asynq needs 6.2 or later", version)
	warn(policy != "" && policy != "noeviction", "Redis has maxmemory-policy %s: when memory is short it evicts tasks, "+
		"which delays their work until the scheduler recovers them; set it to noeviction", policy)
	warn(info["aof_enabled"] == "0", "Redis runs without appendonly: after a restart of Redis, work is delayed "+
		"until the scheduler recovers it from PostgreSQL; set appendonly yes")
	warn(info["role"] == "slave", "Redis is a read-only replica; set SIMTRANSFER_REDIS_URL to the master")
	return list
}

func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if name, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), ":"); ok {
			info[name] = value
		}
	}
	return info
}

// olderThan compares the first two numbers of a version such as 7.0.15.
func olderThan(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	a, err := strconv.Atoi(parts[0])
	if err != nil || a != major {
		return err == nil && a < major
	}
	if len(parts) < 2 {
		return minor > 0
	}
	b, err := strconv.Atoi(parts[1])
	return err == nil && b < minor
}
