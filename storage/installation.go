package storage

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

var selectInstallation = newStatement(statement{
	name:    "select_installation",
	does:    "Reads the id of this installation.",
	returns: "The id.",
	text:    `SELECT id FROM installation`,
})

// Installation returns the id that the database got when it was first migrated.
func (db *DB) Installation(ctx context.Context) (uuid.UUID, error) {
	var id uuid.UUID
	if err := db.get(ctx, &id, selectInstallation, args{}); err != nil {
		return id, fmt.Errorf("reading the id of this installation: %w", err)
	}
	return id, nil
}
