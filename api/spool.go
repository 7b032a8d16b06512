package api

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"simtransfer/api/problem"
)

// spool is a temporary file that has no name, so that it disappears with the
// process. It holds what is too large for memory: an upload, because no transaction
// may wait for a client, and an answer that is sent after a commit.
type spool struct {
	file  *os.File
	named bool // the system does not allow to remove the name of an open file
	size  int64
	all   *spools
}

// spools counts the bytes of the temporary files of a process.
type spools struct {
	folder string // empty: that of the system
	limit  int64  // bytes
	used   atomic.Int64
}

// create creates a file, which the caller has to close.
func (s *spools) create() (*spool, error) {
	f, err := os.CreateTemp(s.folder, "simtransfer-*")
	if err != nil {
		return nil, fmt.Errorf("creating a temporary file: %w", err)
	}
	return &spool{file: f, named: os.Remove(f.Name()) != nil, all: s}, nil
}

// Write implements io.Writer. It returns a problem at the limit of all files.
func (s *spool) Write(p []byte) (int, error) {
	if s.all.used.Add(int64(len(p))) > s.all.limit {
		s.all.used.Add(-int64(len(p)))
		return 0, problem.New(problem.Busy, fmt.Sprintf("the temporary files of the service have reached their limit of %d bytes: repeat the call later, or split the file", s.all.limit))
	}
	s.size += int64(len(p))
	n, err := s.file.Write(p)
	if err != nil {
		err = fmt.Errorf("writing a temporary file: %w", err)
	}
	return n, err
}

// receive creates a file with everything that a reader has, and returns its SHA-256.
// Read errors are returned as they are.
func (s *spools) receive(r io.Reader) (file *spool, sum []byte, err error) {
	if file, err = s.create(); err != nil {
		return nil, nil, err
	}
	if sum, err = file.fill(r); err != nil {
		file.close()
		return nil, nil, err
	}
	return file, sum, nil
}

// fill writes everything that a reader has, and returns its SHA-256. Read errors
// are returned as they are.
func (s *spool) fill(r io.Reader) (sum []byte, err error) {
	h := sha256.New()
	buffer := make([]byte, 64<<10)
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(h, s)}, r, buffer); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

// rewind returns a reader of the file from its beginning.
func (s *spool) rewind() (io.Reader, error) {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading a temporary file: %w", err)
	}
	return s.file, nil
}

// clear removes what was written, for another try.
func (s *spool) clear() error {
	if err := s.file.Truncate(0); err != nil {
		return fmt.Errorf("writing a temporary file: %w", err)
	}
	s.all.used.Add(-s.size)
	s.size = 0
	_, err := s.rewind()
	return err
}

func (s *spool) close() {
	s.all.used.Add(-s.size)
	s.size = 0
	_ = s.file.Close() // it is not used any more
	if s.named {
		_ = os.Remove(s.file.Name())
	}
}
