package jupyter

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// Connection is the content of a connection file: where a client expects the kernel, and the key of their signatures.
type Connection struct {
	Transport       string `json:"transport"` // "tcp" or "ipc"
	IP              string `json:"ip"`        // for ipc, the beginning of the sockets' paths
	Key             string `json:"key"`       // empty: messages are not signed
	SignatureScheme string `json:"signature_scheme"`
	ShellPort       int    `json:"shell_port"`
	ControlPort     int    `json:"control_port"`
	IOPubPort       int    `json:"iopub_port"`
	StdinPort       int    `json:"stdin_port"`
	HeartbeatPort   int    `json:"hb_port"`
	KernelName      string `json:"kernel_name,omitempty"`
}

// ReadConnection reads a connection file.
func ReadConnection(path string) (Connection, error) {
	var c Connection
	data, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("cannot read the connection file: %w", err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("connection file %s: %w", path, err)
	}
	if c.Transport == "" {
		c.Transport = "tcp"
	}
	if c.Transport != "tcp" && c.Transport != "ipc" {
		return c, fmt.Errorf("connection file %s: transport %q is neither tcp nor ipc", path, c.Transport)
	}
	if c.IP == "" {
		return c, fmt.Errorf("connection file %s: no ip", path)
	}
	if c.Key != "" && c.SignatureScheme != "" && c.SignatureScheme != "hmac-sha256" {
		return c, fmt.Errorf("connection file %s: signature scheme %q is not supported, only hmac-sha256", path, c.SignatureScheme)
	}
	return c, nil
}

// warnings says what of the connection file of that path lets others in.
func (c Connection) warnings(path string) (all []string) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 && c.Key != "" {
		all = append(all, fmt.Sprintf("others can read the connection file %s, and with its key run code as you: chmod 600 it", path))
	}
	where := ""
	if c.Transport == "ipc" {
		dir := filepath.Dir(c.IP)
		// In a sticky folder, as /tmp is, others can't put theirs in the sockets' place.
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
			where = fmt.Sprintf("others can write in %s, the folder of the kernel's sockets", dir)
		}
	} else if !c.loopback() {
		where = fmt.Sprintf("the connection file has the kernel listen on %s, where other machines can reach it; what they send and get is not encrypted", c.IP)
	}
	if where != "" {
		all = append(all, where)
	}
	if c.Key == "" {
		text := "the connection file has no key: whoever reaches the kernel's sockets can run code as you"
		if where != "" {
			text += ", and others reach them"
		}
		all = append(all, text)
	}
	return all
}

// loopback reports whether only this machine reaches the kernel's ports.
func (c Connection) loopback() bool {
	if c.IP == "*" {
		return false
	}
	addr, err := net.ResolveIPAddr("ip", c.IP)
	return err == nil && addr.IP.IsLoopback()
}

// Address is where the socket of that port is bound or dialled, in the terms of package net.
func (c Connection) Address(port int) (network, address string) {
	if c.Transport == "ipc" {
		return "unix", c.IP + "-" + strconv.Itoa(port)
	}
	return "tcp", net.JoinHostPort(c.IP, strconv.Itoa(port))
}

// listen binds the socket of that port. A path left by a kernel that was killed is taken over.
func (c Connection) listen(port int) (net.Listener, error) {
	network, address := c.Address(port)
	if network != "unix" {
		if c.IP == "*" { // ZeroMQ's name for all interfaces
			address = ":" + strconv.Itoa(port)
		}
		return net.Listen(network, address)
	}
	if err := os.MkdirAll(filepath.Dir(address), 0o700); err != nil {
		return nil, err
	}
	if st, err := os.Stat(address); err == nil && st.Mode().Type() == fs.ModeSocket {
		os.Remove(address)
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(address, 0o600)
}
