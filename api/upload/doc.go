// Package upload reads uploaded files row by row, in CSV, NDJSON or JSON, and
// says of every bad line where it stands, what is wrong with it and what to do.
//
// [Read] reads a batch of transfers and keeps it in about 20 bytes a row, so
// that a million rows fit a small process. [NewRecords] is the reading below
// it, for uploads with other columns.
//
// An upload is accepted whole or not at all. What comes back otherwise is one
// of three things:
//
//   - [*Invalid]: the content is wrong; up to 100 problems with their places
//   - [*TooLarge]: a limit was passed; nothing after it was read
//   - any other error: the upload could not be read, because the client went
//     away or, if errors.As finds an *http.MaxBytesError, the server cut it off
package upload
