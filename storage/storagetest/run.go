package storagetest

import (
	"github.com/hibiken/asynq"

	"simtransfer/storage"
	"simtransfer/tasks"
	"simtransfer/transfer"
)

// Tasks dispatches the work that is due, queue by queue, and returns the tasks
// that a scheduler would enqueue.
func (d *DB) Tasks() []*asynq.Task {
	d.t.Helper()
	var list []*asynq.Task
	for _, queue := range transfer.Queues() {
		due, err := d.Dispatch(d.t.Context(), queue, 1_000_000)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, task := range due {
			list = append(list, d.Task(task))
		}
	}
	return list
}

// Task returns the asynq task for a piece of work.
func (d *DB) Task(t storage.Task) *asynq.Task {
	d.t.Helper()
	p := tasks.Payload{Work: t.Work, Gen: t.Gen}
	if t.Request.Valid {
		p.Request = t.Request.UUID.String()
	}
	task, err := tasks.New(t.Kind, t.Queue, p)
	if err != nil {
		d.t.Fatal(err)
	}
	return task
}

// TaskOf returns the asynq task for work, whether it is dispatched or not.
func (d *DB) TaskOf(id int64) *asynq.Task {
	d.t.Helper()
	var t storage.Task
	d.Get(&t, `SELECT id, gen, kind, queue, request FROM work WHERE id = $1`, id)
	return d.Task(t)
}

// RunAll runs tasks with a handler, one after the other and without Redis, until
// no work is due. It returns the errors of the handler.
func (d *DB) RunAll(h asynq.Handler) (errs []error) {
	d.t.Helper()
	for {
		list := d.Tasks()
		if len(list) == 0 {
			return errs
		}
		for _, task := range list {
			if err := h.ProcessTask(d.t.Context(), task); err != nil {
				errs = append(errs, err)
			}
		}
	}
}

// RunDue runs all work, including work that is not due yet, until only dead work
// is left.
func (d *DB) RunDue(h asynq.Handler) (errs []error) {
	d.t.Helper()
	for {
		errs = append(errs, d.RunAll(h)...)
		if !d.HurryWork() {
			return errs
		}
	}
}

// HurryWork makes all work due that is not dead, and reports whether that
// changed any.
func (d *DB) HurryWork() bool {
	d.t.Helper()
	return d.Exec(`
		UPDATE work SET not_before = clock_timestamp(), dispatched_at = NULL
		WHERE dead_at IS NULL AND (not_before > clock_timestamp() OR dispatched_at IS NULL)`) > 0
}
