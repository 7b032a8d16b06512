// Package model tests the service against a model of it.
//
// # What it proves
//
// TestModel does random things to a real service: it creates, decides on and
// expires requests, starts and stops data sessions, changes SIMs, accounts and
// fees, loses and repeats tasks, crashes workers, and lets gateways refuse or not
// answer. After every operation it compares the whole database with a model, a
// small service in memory. The model uses the rules of package transfer, but no
// SQL and no code of package storage. No request, transfer, SIM, claim, session,
// fee, work row or event may differ, and no answer either.
//
// Operations also run concurrently. The model knows no locks and does one step
// at a time; the result of a race has to be the result of some order of the
// steps. At the end all work is carried out, and every request has to be
// finished or wait for a decision. All along, the invariants of "simtransfer
// check" have to hold.
//
// It does not cover the API, retries of requests, batches, the scheduler's loops
// (it calls their statements in storage itself), real gateways, or the loss of a
// process or of PostgreSQL. See the tests of api and tests/faults for those.
//
// # How to read it
//
//  1. state_test.go: the model's state, and how it is described as text.
//  2. rules_test.go: the rules of the service, a second time, as steps on that
//     state. A step is a part of an operation that runs without interruption.
//  3. service_test.go: the service under test: a database, a worker, gateways,
//     and a queue that the test controls.
//  4. operations_test.go: each operation, as a call to the service and as steps
//     of the model. offers_test.go has those of pull requests and transfer codes.
//  5. model_test.go: TestModel, which draws operations and compares.
//  6. race_test.go: concurrent operations, and the search for an order of their
//     steps that explains the result.
//
// # How to run it
//
// A failing run prints its seed and its history, reduced to the operations that
// are needed. Replay it, run more or longer tests, or keep running:
//
//	go test ./tests/model -rapid.seed=7
//	go test ./tests/model -rapid.checks=2000 -timeout 2h
//	go test ./tests/model -rapid.steps=200
//	go test -race -count=100 -timeout 10h ./tests/model
//
// The seed repeats the choices; the timing of concurrent operations may differ,
// so a race may need several runs.
package model
