// Runs the board's script (its path is the argument) against stand-ins for the page and the server.
import assert from "node:assert";
import fs from "node:fs";
import vm from "node:vm";

const script = fs.readFileSync(process.argv[2], "utf8");
const settled = () => new Promise((done) => setImmediate(done));

function world(workspace) {
  const world = { fetches: 0, shown: 0, status: 200, focused: null, streams: [], timers: [], heard: {} };
  const input = { tagName: "INPUT", id: "q" };
  const main = { contains: (element) => element === input, replaceChildren: () => world.shown++ };
  const live = { textContent: "", dataset: workspace ? { workspace } : {} };
  class EventSource {
    static OPEN = 1;
    static CLOSED = 2;
    constructor(url) {
      this.url = url;
      this.readyState = 0;
      world.streams.push(this);
    }
  }
  const document = {
    getElementById: (id) => (id === "main" ? main : live),
    addEventListener: (name, call) => (world.heard[name] = call),
    get activeElement() {
      return world.focused;
    },
  };
  const fetch = async () => {
    world.fetches++;
    if (world.status === 0) throw new Error("not reached");
    return { ok: world.status < 400, status: world.status, statusText: "", text: async () => "" };
  };
  class DOMParser {
    parseFromString() {
      return { getElementById: () => ({ childNodes: [] }) };
    }
  }
  const setTimeout = (call) => world.timers.push(call);
  const globals = { document, EventSource, window: { EventSource }, location: { href: "/" }, fetch, DOMParser, setTimeout, Error };
  vm.runInNewContext(script, globals);
  return Object.assign(world, {
    input,
    live,
    stream: world.streams[0],
    open() {
      this.stream.readyState = EventSource.OPEN;
    },
    async later() {
      for (const call of world.timers.splice(0)) await call();
      await settled();
    },
  });
}

const tests = {
  async "a page of one workspace listens for its changes alone"() {
    assert.deepEqual([world().stream.url, world("a b/c").stream.url], ["/changes", "/changes?workspace=a%20b%2Fc"]);
  },
  async "what changed while nobody listened is fetched once the stream is open"() {
    const w = world();
    w.open();
    w.stream.onopen();
    await settled();
    assert.deepEqual([w.fetches, w.shown, w.live.textContent], [1, 1, "live"]);
  },
  async "what changes while the reader types is shown afterwards"() {
    const w = world();
    w.open();
    w.focused = w.input;
    await w.stream.onmessage();
    assert.equal(w.fetches, 0);
    w.focused = null;
    w.heard.focusout();
    await w.later();
    assert.deepEqual([w.fetches, w.shown], [1, 1]);
  },
  async "what changes while the page is fetched is fetched afterwards"() {
    const w = world();
    w.open();
    await Promise.all([w.stream.onmessage(), w.stream.onmessage()]);
    await w.later();
    assert.equal(w.fetches, 2);
  },
  async "a stream that was refused is asked for again"() {
    const w = world();
    w.stream.readyState = 2;
    w.stream.onerror();
    await w.later();
    assert.deepEqual([w.streams.length, w.fetches], [2, 1]);
  },
  async "a fetch that failed is tried again"() {
    const w = world();
    w.open();
    w.status = 0;
    await w.stream.onmessage();
    assert.equal(w.live.textContent, "not reached; trying again");
    w.status = 200;
    await w.later();
    assert.deepEqual([w.fetches, w.shown, w.live.textContent], [2, 1, "live"]);
  },
  async "that the page is no longer there is shown"() {
    const w = world();
    w.open();
    w.status = 404;
    await w.stream.onmessage();
    assert.equal(w.shown, 1);
  },
};

for (const [name, test] of Object.entries(tests)) {
  await test();
  console.log(`ok: ${name}`);
}
