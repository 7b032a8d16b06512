//go:build !linux

package dev

import "syscall"

// Only Linux has a parent-death signal; elsewhere the janitor does its work.
func setDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}

func memoryFolder() string { return "" }

// children is not known here: what a killed server started ends by itself when
// it notices.
func children(int) []int { return nil }
