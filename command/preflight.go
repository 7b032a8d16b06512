package command

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"simtransfer/storage"
)

// warnOfSettings looks at the settings of PostgreSQL and Redis that the
// service's promises rest on, and warns in plain words. Redis may be away at
// the start: nothing is lost meanwhile, and it is not waited for.
func warnOfSettings(ctx context.Context, log *slog.Logger, db *storage.DB, server asynq.RedisConnOpt) {
	warnings, err := db.Warnings(ctx)
	if err != nil {
		log.WarnContext(ctx, "the settings of PostgreSQL could not be read", "error", err.Error())
	}
	info, err := redisInfo(ctx, server)
	if err != nil {
		log.WarnContext(ctx, "Redis does not answer; work waits in PostgreSQL until it does", "error", err.Error())
	}
	warnings = append(warnings, redisWarnings(info)...)
	for _, w := range warnings {
		log.WarnContext(ctx, "a setting needs attention", "setting", w)
	}
}

// infoPatience is how long Redis has at the start to say what it is.
const infoPatience = 2 * time.Second

func redisInfo(ctx context.Context, server asynq.RedisConnOpt) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, infoPatience)
	defer cancel()
	client, err := impatientRedis(server, infoPatience)
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	text, err := client.Info(ctx, "everything").Result()
	if err != nil {
		return nil, fmt.Errorf("asking Redis for its settings: %w", err)
	}
	return parseInfo(text), nil
}

// redisWarnings looks at what INFO says; a field that is not there is not
// complained about.
func redisWarnings(info map[string]string) []string {
	var list []string
	warn := func(when bool, format string, args ...any) {
		if when {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	version, policy := info["redis_version"], info["maxmemory_policy"]
	warn(version != "" && olderThan(version, 6, 2), "Redis is version %s; asynq needs 6.2 or later", version)
	warn(policy != "" && policy != "noeviction", "Redis runs with maxmemory-policy %s: when memory is short it throws tasks away, "+
		"which come back but late; set it to noeviction", policy)
	warn(info["aof_enabled"] == "0", "Redis runs without appendonly: after a restart its tasks come back from PostgreSQL, "+
		"which takes longer; set appendonly yes")
	warn(info["role"] == "slave", "Redis is a replica: it cannot be written to; name the master")
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
