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

	"simtransfer/storage"
)

// preflight checks the settings of PostgreSQL and Redis that the guarantees of
// the service depend on, and logs a warning for each that is unsafe. It returns
// an error for a Redis that cannot be used. If Redis does not answer, it logs that
// and does not wait: work stays in PostgreSQL until Redis is up.
func preflight(ctx context.Context, log *slog.Logger, db *storage.DB, server RedisServer) error {
	warnings, err := db.Warnings(ctx)
	if err != nil {
		log.WarnContext(ctx, "cannot read the settings of PostgreSQL", "error", err.Error())
	}
	info, err := redisInfo(ctx, server)
	if err != nil {
		log.WarnContext(ctx, "Redis does not answer; work waits in PostgreSQL until it does", "error", err.Error())
	}
	if err := checkRedis(info); err != nil {
		return err
	}
	warnings = append(warnings, redisWarnings(info)...)
	for _, w := range warnings {
		log.WarnContext(ctx, "a setting needs attention", "setting", w)
	}
	return nil
}

// checkRedis refuses a node of a cluster: the queues of other nodes would be out
// of reach.
func checkRedis(info map[string]string) error {
	if info["cluster_enabled"] != "1" {
		return nil
	}
	return errors.New("SIMTRANSFER_REDIS_URL names a node of a Redis Cluster, which is not supported: use a single Redis, or one with replicas and Sentinel for failover")
}

// infoTimeout is how long preflight waits for Redis.
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
