package process

import (
	"time"

	"github.com/hibiken/asynqmon"
)

// queueUITimeout is for each step of a call from the queue UI to Redis.
const queueUITimeout = 3 * time.Second

// NewQueueUI returns the handler of the queue UI. Package api repeats its reads.
func NewQueueUI(server RedisServer, readOnly bool) *asynqmon.HTTPHandler {
	return asynqmon.New(asynqmon.Options{RootPath: "/ops/queues", RedisConnOpt: failFastServer{server, queueUITimeout}, ReadOnly: readOnly})
}
