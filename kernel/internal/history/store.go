package history

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"golab/kernel/internal/engine"
)

const (
	// lockTime is how long an access waits for those of other kernels, which take milliseconds.
	lockTime = 2 * time.Second
	// maxSize is how many bytes of text are kept. Beyond it the oldest sessions go, down to three quarters.
	maxSize = 16 << 20
)

// Buckets of the database. Numbers are big-endian, so that keys sort by them.
var (
	cellsBucket    = []byte("cells")    // session, line → cell
	sessionsBucket = []byte("sessions") // session → bytes of its cells
)

// cell is the value of a key of cellsBucket.
type cell struct {
	Input  string `json:"i"`
	Output string `json:"o,omitempty"`
}

// errBroken is a file that is no database, or none any more.
var errBroken = errors.New("the file is broken")

// store is the database of all sessions.
type store struct {
	path string
	log  *slog.Logger
	max  int // for tests; 0 is maxSize
}

// begin makes the database if it is not there and returns the number of a new session.
func (s *store) begin() (session int, err error) {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return 0, err
	}
	err = s.update(func(tx *bbolt.Tx) error {
		if _, err := tx.CreateBucketIfNotExists(cellsBucket); err != nil {
			return err
		}
		sessions, err := tx.CreateBucketIfNotExists(sessionsBucket)
		if err != nil {
			return err
		}
		n, err := sessions.NextSequence()
		session = int(n)
		return err
	})
	return session, err
}

// add writes cells of a session and removes the oldest if there are too many.
func (s *store) add(session int, cells []engine.HistoryEntry) error {
	return s.update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists(cellsBucket)
		if err != nil {
			return err
		}
		sessions, err := tx.CreateBucketIfNotExists(sessionsBucket)
		if err != nil {
			return err
		}
		if sessions.Sequence() < uint64(session) { // the file was removed meanwhile
			if err := sessions.SetSequence(uint64(session)); err != nil {
				return err
			}
		}
		size := number(sessions.Get(key(session)))
		for _, e := range cells {
			value, err := json.Marshal(cell{e.Input, e.Output})
			if err != nil {
				return err
			}
			size += len(value)
			if err := bucket.Put(key(session, e.Line), value); err != nil {
				return err
			}
		}
		if err := sessions.Put(key(session), key(size)); err != nil {
			return err
		}
		return s.prune(bucket, sessions)
	})
}

// prune removes the oldest cells until the rest is small enough.
func (s *store) prune(cells, sessions *bbolt.Bucket) error {
	limit := s.max
	if limit == 0 {
		limit = maxSize
	}
	total := 0
	for c, k, v := first(sessions); k != nil; k, v = c.Next() {
		total += number(v)
	}
	if total <= limit {
		return nil
	}
	// Keys are collected first: deleting moves cursors.
	var old [][]byte
	for c, k, v := first(cells); k != nil && total > limit*3/4; k, v = c.Next() {
		old = append(old, bytes.Clone(k))
		total -= len(v)
	}
	for _, k := range old {
		session := k[:8]
		left := number(sessions.Get(session)) - len(cells.Get(k))
		var err error
		if left > 0 {
			err = sessions.Put(session, key(left))
		} else {
			err = sessions.Delete(session)
		}
		if err == nil {
			err = cells.Delete(k)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func first(b *bbolt.Bucket) (c *bbolt.Cursor, k, v []byte) {
	c = b.Cursor()
	k, v = c.First()
	return c, k, v
}

// backward calls more for the cells of all sessions but one, the latest first, until it returns false.
func (s *store) backward(but int, more func(engine.HistoryEntry) bool) error {
	return s.view(func(cells, _ *bbolt.Bucket) error {
		c := cells.Cursor()
		for k, v := c.Last(); k != nil; k, v = c.Prev() {
			if e, ok := entry(k, v); ok && e.Session != but && !more(e) {
				break
			}
		}
		return nil
	})
}

// session returns the cells of a session; a negative number counts those before this, the session that asks, that have any.
func (s *store) session(this, session int) (all []engine.HistoryEntry, err error) {
	err = s.view(func(cells, sessions *bbolt.Bucket) error {
		if session < 0 {
			c := sessions.Cursor()
			k, _ := c.Seek(key(this))
			if k == nil {
				k, _ = c.Last()
			} else {
				k, _ = c.Prev()
			}
			for ; session < -1 && k != nil; session++ {
				k, _ = c.Prev()
			}
			if k == nil {
				return nil
			}
			session = number(k)
		}
		c := cells.Cursor()
		for k, v := c.Seek(key(session)); k != nil; k, v = c.Next() {
			e, ok := entry(k, v)
			if ok && e.Session != session {
				break
			}
			if ok {
				all = append(all, e)
			}
		}
		return nil
	})
	return all, err
}

// update changes the database. A broken one is set aside and begun anew.
func (s *store) update(change func(*bbolt.Tx) error) error {
	before, _ := os.Stat(s.path)
	err := s.open(false, func(db *bbolt.DB) error { return db.Update(change) })
	if !errors.Is(err, errBroken) {
		return err
	}
	aside := s.path + ".broken"
	// Another kernel may have done it already.
	if now, _ := os.Stat(s.path); before != nil && now != nil && os.SameFile(before, now) {
		if err := os.Rename(s.path, aside); err != nil {
			return err
		}
		s.log.Warn("the history of earlier sessions could not be read and was set aside", "file", aside, "reason", err)
	}
	return s.open(false, func(db *bbolt.DB) error { return db.Update(change) })
}

// view reads the database. One that is not there is empty.
func (s *store) view(read func(cells, sessions *bbolt.Bucket) error) error {
	err := s.open(true, func(db *bbolt.DB) error {
		return db.View(func(tx *bbolt.Tx) error {
			cells, sessions := tx.Bucket(cellsBucket), tx.Bucket(sessionsBucket)
			if cells == nil || sessions == nil {
				return nil
			}
			return read(cells, sessions)
		})
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// open opens the database for the time of use. What is wrong with the file is an errBroken.
func (s *store) open(readOnly bool, use func(*bbolt.DB) error) (err error) {
	// The file is mapped into memory: one that is cut short is a fault, and pages with nonsense in them a panic.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	var db *bbolt.DB
	defer func() {
		if r := recover(); r != nil {
			// db stays as it is: it may hold locks that its Close waits for.
			err = fmt.Errorf("%w: %v", errBroken, r)
			return
		}
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	db, err = bbolt.Open(s.path, 0o600, &bbolt.Options{Timeout: lockTime, ReadOnly: readOnly})
	var errno syscall.Errno
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return errors.New("another program holds the file's lock")
	case err != nil && !errors.As(err, &errno): // the system is fine, so the content is not
		return fmt.Errorf("%w: %w", errBroken, err)
	case err != nil:
		return err
	}
	return use(db)
}

// key is the key of a session, or of a line in one.
func key(numbers ...int) []byte {
	var k []byte
	for _, n := range numbers {
		k = binary.BigEndian.AppendUint64(k, uint64(n))
	}
	return k
}

// number reads what key made of one number; 0 if it is none.
func number(b []byte) int {
	if len(b) != 8 {
		return 0
	}
	return int(binary.BigEndian.Uint64(b))
}

// entry reads a cell.
func entry(k, v []byte) (e engine.HistoryEntry, ok bool) {
	var c cell
	if len(k) != 16 || json.Unmarshal(v, &c) != nil {
		return e, false
	}
	return engine.HistoryEntry{Session: number(k[:8]), Line: number(k[8:]), Input: c.Input, Output: c.Output}, true
}
