package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("printing JSON: %w", err)
	}
	return nil
}

// deref is what a pointer points at, or nothing.
func deref[T ~string](s *T) T {
	if s == nil {
		return ""
	}
	return *s
}
