package jupyter

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
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
		return net.Listen(network, address)
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
