// The browser's side of GoNB's comms: values at addresses, shared with programs of the notebook as the global gonb_comm. It has
// the functions that GoNB documents and its widgets use.
//
// A script in an output can't reach JupyterLab's own connection to the kernel, so this has one of its own, to where the page
// says that its server is, with its token: behind a proxy and over TLS too.
(() => {
  const settings = SETTINGS;
  const log = (...what) => { if (globalThis.gonb_comm?.debug) console.log('gonb_comm:', ...what); };
  const running = globalThis.gonb_comm;
  if (running?.kernel === settings.kernel && running.alive()) {
    running.send('#golab/here', true); // the kernel removes this script when it hears of it
    return;
  }
  running?.close?.();

  const listeners = new Map(); // address → Map of symbol → function
  const variables = new Map(); // address → synced variable
  const commID = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  let waiting = []; // messages, until the socket is open
  let closed = false;

  const page = (() => {
    try {
      return JSON.parse(document.getElementById('jupyter-config-data').textContent);
    } catch {
      return {};
    }
  })();
  const url = new URL(page.wsUrl || page.baseUrl || '/', document.location.href);
  url.protocol = url.protocol.replace(/^http/, 'ws');
  url.pathname = `${url.pathname.replace(/\/$/, '')}/api/kernels/${encodeURIComponent(settings.kernel)}/channels`;
  if (page.token) url.searchParams.set('token', page.token);
  const socket = new WebSocket(url);

  const post = (type, content) => {
    const id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    const message = JSON.stringify({
      header: { msg_id: id, msg_type: type, session: commID, username: '', version: '5.3', date: new Date().toISOString() },
      msg_id: id, msg_type: type, parent_header: {}, metadata: {}, content, channel: 'shell', buffers: [],
    });
    if (socket.readyState === WebSocket.OPEN) socket.send(message);
    else waiting.push(message);
  };

  socket.onopen = () => {
    log('connected', url.pathname);
    for (const message of waiting) socket.send(message);
    waiting = [];
  };
  socket.onclose = () => {
    closed = true;
    if (globalThis.gonb_comm === comm) delete globalThis.gonb_comm;
  };
  socket.onerror = () => {
    if (!closed) console.error(`gonb_comm: no connection to ${url.pathname}; GoNB's widgets do not work on this page`);
  };
  socket.onmessage = event => {
    if (typeof event.data !== 'string') return; // has binary parts: for others
    const { msg_type: plain, header, content } = JSON.parse(event.data);
    if (content?.comm_id !== commID) return;
    const type = header?.msg_type ?? plain;
    if (type === 'comm_close') return comm.close();
    if (type !== 'comm_msg') return;
    const { address, value, read_request: asked } = content.data;
    log('received', address, value);
    if (asked) {
      const variable = variables.get(address);
      if (variable) comm.send(address, variable.get());
      return;
    }
    if (value === undefined || value === null) return;
    for (const f of [...(listeners.get(address)?.values() ?? [])]) f(address, value);
  };

  class SyncedVariable {
    #address;
    #value = null;
    #listeners = new Map();
    constructor(address, value) {
      this.#address = address;
      comm.subscribe(address, (_, value) => this.#change(value));
      this.set(value);
    }
    #change(value) {
      if (value === this.#value) return false;
      this.#value = value;
      for (const f of [...this.#listeners.values()]) f(value);
      return true;
    }
    get() { return this.#value; }
    set(value) {
      if (this.#change(value)) comm.send(this.#address, value);
    }
    subscribe(f) {
      const id = Symbol('gonb');
      this.#listeners.set(id, f);
      return id;
    }
    unsubscribe(id) { this.#listeners.delete(id); }
  }

  const comm = {
    debug: false,
    kernel: settings.kernel,
    alive: () => !closed && socket.readyState <= WebSocket.OPEN,
    send(address, value) {
      log('sending', address, value);
      post('comm_msg', { comm_id: commID, data: { address, value } });
    },
    subscribe(address, f) {
      const id = Symbol('gonb');
      if (!listeners.has(address)) listeners.set(address, new Map());
      listeners.get(address).set(id, f);
      return id;
    },
    unsubscribe(id) {
      for (const [address, functions] of listeners) {
        if (functions.delete(id) && functions.size === 0) listeners.delete(address);
      }
    },
    newSyncedVariable(address, value) {
      const known = variables.get(address);
      if (known) {
        known.set(value);
        return known;
      }
      const made = new SyncedVariable(address, value);
      variables.set(address, made);
      return made;
    },
    close() {
      closed = true;
      if (globalThis.gonb_comm === comm) delete globalThis.gonb_comm;
      socket.close();
    },
  };
  globalThis.gonb_comm = comm;
  post('comm_open', { comm_id: commID, target_name: settings.target, data: {} });
})();
