package jupytertest

import (
	"errors"
	"sync"
	"time"
)

// inbox keeps the messages of one channel until they are asked for.
type inbox struct {
	mu       sync.Mutex
	changed  sync.Cond
	messages []Message
	closed   bool
}

func newInbox() *inbox {
	b := &inbox{}
	b.changed.L = &b.mu
	return b
}

func (b *inbox) put(m Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = append(b.messages, m)
	b.changed.Broadcast()
}

func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.changed.Broadcast()
}

// take removes the first message that matches and returns it, waiting for it.
func (b *inbox) take(match func(Message) bool) (Message, error) {
	late := false
	giveUp := time.AfterFunc(hang, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		late = true
		b.changed.Broadcast()
	})
	defer giveUp.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	checked := 0
	for {
		for ; checked < len(b.messages); checked++ {
			if m := b.messages[checked]; match(m) {
				b.messages = append(b.messages[:checked], b.messages[checked+1:]...)
				return m, nil
			}
		}
		switch {
		case b.closed:
			return Message{}, errors.New("the kernel hung up")
		case late:
			return Message{}, errors.New("nothing came")
		}
		b.changed.Wait()
	}
}
