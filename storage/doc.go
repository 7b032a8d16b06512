// Package storage stores accounts, SIMs, requests, transfers and the work that
// remains to be done in PostgreSQL, which is the source of truth.
//
// A method of DB is a transaction or a single statement; a method of Tx is part
// of a transaction. The isolation level is READ COMMITTED with explicit row
// locks. A transaction takes a lock with one statement and reads what the lock
// protects with a later one. Locks are taken in this order:
//
//	advisory key lock → work row → sims by id → radacct → claims by sim
//	→ own transfers → the request
//
// All times come from the database's clock_timestamp().
//
// Statements have names and named parameters; testdata/sql has the text of each
// as the server gets it.
//
// The files, by subject. SQL that several files use stands where its subject is.
//
// Database and transactions:
//
//	the pool, transactions, statements, COPY, snapshots:
//	  db.go transactions.go statement.go copy.go exports.go
//	connections:
//	  connection_string.go connector.go dialer.go driver_connection.go
//	  socket_linux.go socket_notlinux.go
//	errors, and the health of the database:
//	  errors.go error_kinds.go alarm.go availability.go
//	the schema, rights and settings of the server, and the check of the data:
//	  migrate.go installation.go rights.go server_settings.go check.go
//	  check_radius.go
//	what is deleted, and the ids of a period:
//	  purge.go id_range.go
//
// Accounts and people:
//
//	accounts, their limits and their end:
//	  accounts.go account_limits.go account_closing.go privacy.go
//	API keys and what they may do:
//	  keys.go tokens.go roles.go
//	people, how they sign in, and who may approve:
//	  people.go invitations.go sign_ins.go person_sign_ins.go sign_in_links.go email_uses.go
//	  self_approval.go
//	the audit trail, and the answers to repeated calls:
//	  audit.go idempotency.go
//
// SIMs:
//
//	a SIM, its settings, numbers and history:
//	  sims.go sim_settings.go sim_identifiers.go sim_history.go
//	which SIMs a list or a call means:
//	  sim_filter.go sim_selection.go same_sims.go
//	changes of SIMs:
//	  sim_change.go bulk_change.go sim_swap.go sim_retire.go owner_corrections.go
//	imports, and the sync with an inventory:
//	  imports.go sync.go sync_sql.go statistics.go
//	plans, and how SIMs arrive at the destination:
//	  plans.go plan_mappings.go landing_profile.go arrival.go
//	the fee schedule, and the fees that were charged:
//	  fees.go charges.go
//
// Requests:
//
//	requests and batches, their results, references and comments:
//	  requests.go batches.go results.go references.go comments.go
//	which SIMs can be transferred, and why not:
//	  preview.go validate.go rules_sql.go sim_claims.go
//	what the parties decide:
//	  decisions.go extensions.go reminders.go take_back.go retry.go
//	requests that expire or start by themselves:
//	  expire.go scheduled_requests.go
//	the transfer of SIMs, and its end:
//	  execute.go release.go close_transfers.go
//	pull requests and transfer codes:
//	  pulls.go transfer_codes.go code_attempts.go
//
// Feeds, webhooks and mail:
//
//	events of requests:
//	  events.go event_feed.go event_cursor.go event_start.go
//	changes of SIMs:
//	  change_records.go change_feed.go
//	how far the feeds can be read:
//	  feed_horizon.go
//	webhooks: endpoints, messages to send, and deliveries:
//	  webhook_endpoints.go outbox.go webhook_deliveries.go
//	mails: making them, sending them, what contacts chose, and the log:
//	  mail_outbox.go mails.go pull_mails.go
//
// Work and data sessions:
//
//	the work that remains, its attempts and its leases:
//	  work.go work_failures.go leases.go
//	data sessions:
//	  drop_sessions.go gather_drops.go drop_stray.go sim_sessions.go stale_sessions.go session_links.go
//	gateways:
//	  gateways.go gateway_probes.go accounting.go
package storage
