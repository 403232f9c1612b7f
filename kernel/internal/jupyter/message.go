package jupyter

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"sync"
	"time"

	"github.com/google/uuid"

	"golab/kernel/internal/output"
)

// ProtocolVersion is the version of Jupyter's messaging protocol that the kernel speaks.
const ProtocolVersion = "5.5"

// delimiter stands between the routing identities and the message.
const delimiter = "<IDS|MSG>"

// header is what opens every message.
type header struct {
	ID       string `json:"msg_id"`
	Session  string `json:"session"`
	Username string `json:"username"`
	Date     string `json:"date"`
	Type     string `json:"msg_type"`
	Version  string `json:"version"`
	Subshell string `json:"subshell_id,omitempty"`
}

// message is one that arrived, its signature checked.
type message struct {
	identities [][]byte // routing frames, to be sent back as they came
	header     header
	rawHeader  json.RawMessage // the parent header of all that answers it
	rawParent  json.RawMessage
	metadata   json.RawMessage
	content    json.RawMessage
	buffers    [][]byte
}

// codec turns frames into messages and back, for one connection file. It is safe for concurrent use.
type codec struct {
	key      []byte
	session  string
	username string

	mu     sync.Mutex
	seen   map[[sha256.Size]byte]bool // signatures that were used, against replay
	recent [][sha256.Size]byte        // the same, in a ring
	next   int
}

// remembered is how many signatures are kept to refuse a replayed message, as many as ipykernel keeps.
const remembered = 1 << 16

func newCodec(key string) *codec {
	c := &codec{key: []byte(key), session: uuid.NewString(), username: "kernel", seen: map[[sha256.Size]byte]bool{}}
	if u, err := user.Current(); err == nil {
		c.username = u.Username
	}
	return c
}

// decode reads the frames of one message: identities, delimiter, signature, header, parent header, metadata, content,
// buffers. Frames that were not signed with the key, or were seen before, are an error.
func (c *codec) decode(frames [][]byte) (*message, error) {
	split := -1
	for i, f := range frames {
		if string(f) == delimiter {
			split = i
			break
		}
	}
	if split < 0 {
		return nil, errors.New("no delimiter")
	}
	body := frames[split+1:]
	if len(body) < 5 {
		return nil, fmt.Errorf("truncated: %d frames after the delimiter, at least 5 expected", len(body))
	}
	if err := c.verify(body[0], body[1:5]); err != nil {
		return nil, err
	}
	m := &message{identities: frames[:split], rawHeader: body[1], rawParent: body[2], metadata: body[3], content: body[4], buffers: body[5:]}
	for i, name := range []string{"header", "parent header", "metadata", "content"} {
		if part := bytes.TrimSpace(body[i+1]); len(part) == 0 || part[0] != '{' || !json.Valid(part) {
			return nil, fmt.Errorf("the %s is not a JSON object", name)
		}
	}
	if err := json.Unmarshal(m.rawHeader, &m.header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if m.header.ID == "" || m.header.Type == "" {
		return nil, errors.New("the header has no msg_id or no msg_type")
	}
	return m, nil
}

// verify checks the signature of parts in constant time and remembers it.
func (c *codec) verify(signature []byte, parts [][]byte) error {
	if len(c.key) == 0 {
		return nil
	}
	var got [sha256.Size]byte
	if n, err := hex.Decode(got[:], signature[:min(len(signature), 2*len(got))]); err != nil || n != len(got) || len(signature) != 2*n {
		return errors.New("malformed signature")
	}
	if !hmac.Equal(got[:], c.sum(parts)) {
		return errors.New("wrong signature")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[got] {
		return errors.New("replayed: this signature was used before")
	}
	if len(c.recent) < remembered {
		c.recent = append(c.recent, got)
	} else {
		delete(c.seen, c.recent[c.next])
		c.recent[c.next] = got
		c.next = (c.next + 1) % remembered
	}
	c.seen[got] = true
	return nil
}

func (c *codec) sum(parts [][]byte) []byte {
	mac := hmac.New(sha256.New, c.key)
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

// outgoing is a message to be sent.
type outgoing struct {
	id       string // msg_id; empty: any new one
	typ      string
	parent   json.RawMessage // nil: nobody asked for it
	metadata map[string]any
	content  any
	buffers  [][]byte // binary frames behind the rest
}

// encode makes the frames of a message, from the delimiter on. As the protocol has it, buffers are not signed.
func (c *codec) encode(m outgoing) ([][]byte, error) {
	if m.id == "" {
		m.id = uuid.NewString()
	}
	head, err := output.Marshal(header{
		ID:       m.id,
		Session:  c.session,
		Username: c.username,
		Date:     time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"),
		Type:     m.typ,
		Version:  ProtocolVersion,
	})
	if err != nil {
		return nil, err
	}
	if m.parent == nil {
		m.parent = json.RawMessage("{}")
	}
	body, err := output.Marshal(m.content)
	if err != nil {
		return nil, err
	}
	parts := [][]byte{head, m.parent, output.EncodeMetadata(m.metadata), body}
	signature := ""
	if len(c.key) > 0 {
		signature = hex.EncodeToString(c.sum(parts))
	}
	frames := append([][]byte{[]byte(delimiter), []byte(signature)}, parts...)
	return append(frames, m.buffers...), nil
}
