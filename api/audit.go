package api

import (
	"context"

	"simtransfer/storage"
)

// actingCaller returns the caller as the actor of an entry of the audit trail.
func actingCaller(ctx context.Context) storage.Actor {
	c := callOf(ctx)
	return storage.Actor{Key: c.caller.Key, Address: c.address}
}
