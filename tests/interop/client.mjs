// interop/client: npm's ws, a client that nobody here wrote, against the demo.
//
//     client.mjs ws://127.0.0.1:8000        the last line counts
import { createRequire } from "node:module";
import { once } from "node:events";
import { spawn } from "node:child_process";

const WebSocket = createRequire(`${process.env.SLUICE_NODE}/package.json`)("ws");

const base = process.argv[2];
const prefix = "运维咖啡吧:";
const MIB = 1 << 20;
const tests = [];
const test = (name, run) => tests.push({ name, run });

function equal(found, expected, what = "") {
  const [f, e] = [found, expected].map((value) => JSON.stringify(value)?.slice(0, 200));
  if (f !== e) throw new Error(`${what} found ${f}, expected ${e}`);
}

// A connection whose messages and end can be waited for.
class Client {
  constructor(path, protocols = [], options = {}) {
    this.socket = new WebSocket(base + path, protocols, { perMessageDeflate: false, ...options });
    this.messages = [];
    this.waiting = [];
    this.socket.on("message", (data, binary) => {
      const message = binary ? data : data.toString();
      if (this.waiting.length) this.waiting.shift()(message);
      else this.messages.push(message);
    });
    this.socket.on("upgrade", ({ headers }) => (this.agreed = headers["sec-websocket-extensions"]));
    this.socket.on("error", () => {}); // the close that follows is what is looked at
    this.closed = new Promise((resolve) => {
      this.socket.on("close", (code, reason) => resolve([code, reason.toString()]));
    });
  }

  async opened() {
    await once(this.socket, "open");
    return this;
  }

  send(data) {
    this.socket.send(data);
  }

  async receive() {
    if (this.messages.length) return this.messages.shift();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  async close(code, reason) {
    this.socket.close(code, reason);
    return this.closed;
  }
}

const open = (...args) => new Client(...args).opened();

// The status with which a handshake is refused.
function refused(path, protocols, options) {
  const { socket } = new Client(path, protocols, options);
  return new Promise((resolve, reject) => {
    socket.on("unexpected-response", (request, response) => {
      request.destroy();
      resolve(response.statusCode);
    });
    socket.on("open", () => reject(new Error(`${path} was let in`)));
  });
}

// -- echo --------------------------------------------------------------------------------------

test("echo sends text and bytes back", async () => {
  const client = await open("/ws/echo/");
  for (const text of ["", "hello", "运维 😀", "x".repeat(126), "x".repeat(65536), "x".repeat(MIB)]) {
    client.send(text);
    equal(await client.receive(), text);
  }
  for (const size of [0, 1, 125, 126, 65535, 65536, MIB]) {
    const bytes = Buffer.alloc(size, 0xfe);
    client.send(bytes);
    const back = await client.receive();
    equal(Buffer.isBuffer(back) && back.equals(bytes), true, `${size} bytes:`);
  }
  await client.close();
});

test("one byte beyond the limit closes with 1009", async () => {
  const client = await open("/ws/echo/");
  client.send(Buffer.alloc(MIB + 1));
  equal((await client.closed)[0], 1009);
});

test("fragments, with a ping between, are one message", async () => {
  const client = await open("/ws/echo/");
  client.socket.send("运", { fin: false });
  client.socket.ping("between");
  client.socket.send("维", { fin: false });
  client.socket.send("", { fin: true });
  const [pong] = await once(client.socket, "pong");
  equal(pong.toString(), "between");
  equal(await client.receive(), "运维");
  await client.close();
});

test("the close code and the reason are taken", async () => {
  for (const code of [1000, 1001, 1011, 3000, 4999]) {
    const client = await open("/ws/echo/");
    equal((await client.close(code, "再见"))[0], code);
  }
  const client = await open("/ws/echo/");
  equal((await client.close())[0], 1005, "without a code:");
});

// -- compression -------------------------------------------------------------------------------

const plainBuild = Boolean(process.env.DEMO_PLAIN);
const sameWords = "the same words, and the same words again ".repeat(2000);

// What was agreed on; then messages, and fewer bytes on the wire than in them, both ways.
async function packedEcho(path, options, agreed) {
  const client = await open(path, [], { perMessageDeflate: { threshold: 0, ...options } });
  equal(client.agreed, plainBuild ? undefined : ["permessage-deflate", ...agreed].join("; "));
  const { _socket: wire } = client.socket;
  const [read, written] = [wire.bytesRead, wire.bytesWritten];
  let size = 0;
  for (let i = 0; i < 10; i++) {
    for (const text of [sameWords, `${i} `.repeat(999), "运维咖啡吧".repeat(500), "", "x"]) {
      client.send(text);
      equal(await client.receive(), text);
      size += Buffer.byteLength(text);
    }
    const bytes = Buffer.alloc(70000, sameWords);
    client.send(bytes);
    equal((await client.receive()).equals(bytes), true, "bytes came back");
    size += bytes.length;
  }
  if (!plainBuild) {
    equal(wire.bytesRead - read < size / 10, true, `of ${size}, ${wire.bytesRead - read} came: few`);
    equal(wire.bytesWritten - written < size / 10, true, `${wire.bytesWritten - written} went: few`);
  }
  await client.close();
}

test("compressed, with windows that are kept", async () => {
  await packedEcho("/ws/packed/", {}, []);
  await packedEcho("/ws/packed/", { clientMaxWindowBits: 15, serverMaxWindowBits: 15 }, [
    "server_max_window_bits=15",
  ]);
});

test("compressed, with windows that are not kept", async () => {
  const [server, client] = ["server_no_context_takeover", "client_no_context_takeover"];
  await packedEcho("/ws/packed/", { serverNoContextTakeover: true }, [server]);
  await packedEcho("/ws/packed/", { clientNoContextTakeover: true }, [client]);
  await packedEcho("/ws/packed/alone/", {}, [server, client]);
});

test("compressed, with small windows", async () => {
  for (let bits = 9; bits <= 15; bits++) {
    const both = { serverMaxWindowBits: bits, clientMaxWindowBits: bits };
    const said = [`server_max_window_bits=${bits}`];
    if (bits < 15) said.push(`client_max_window_bits=${bits}`);
    await packedEcho("/ws/packed/", both, said);
  }
  await packedEcho("/ws/packed/narrow/", {}, ["client_max_window_bits=9"]);
});

test("plain, where nothing is offered or nothing is wanted", async () => {
  for (const [path, perMessageDeflate] of [["/ws/packed/", false], ["/ws/echo/", true]]) {
    const client = await open(path, [], { perMessageDeflate });
    equal(client.agreed, undefined);
    client.send(sameWords);
    equal(await client.receive(), sameWords);
    equal(client.socket._socket.bytesRead > sameWords.length, true, "all of it came");
    await client.close();
  }
});

// -- frames that no good client sends: written past ws, on its own socket --------------------------

test("a client that breaks the protocol is closed with the code that says how", async () => {
  const mask = Buffer.alloc(4);
  const frames = {
    "a frame without a mask": [Buffer.from([0x81, 0x00]), 1002],
    "a reserved bit": [Buffer.concat([Buffer.from([0xc1, 0x80]), mask]), 1002],
    "a reserved opcode": [Buffer.concat([Buffer.from([0x83, 0x80]), mask]), 1002],
    "a ping in two frames": [Buffer.concat([Buffer.from([0x09, 0x80]), mask]), 1002],
    "a ping of 126 bytes": [Buffer.concat([Buffer.from([0x89, 0xfe, 0, 126]), mask, Buffer.alloc(126)]), 1002],
    "a continuation of nothing": [Buffer.concat([Buffer.from([0x80, 0x80]), mask]), 1002],
    "a length of 2^63": [Buffer.concat([Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]), mask]), 1002],
    "a length of 2^62": [Buffer.concat([Buffer.from([0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0]), mask]), 1009],
    "text that is not UTF-8": [Buffer.concat([Buffer.from([0x81, 0x82]), mask, Buffer.from([0xc0, 0x80])]), 1007],
    "a close of one byte": [Buffer.concat([Buffer.from([0x88, 0x81]), mask, Buffer.from([3])]), 1002],
    "the close code 1005": [Buffer.concat([Buffer.from([0x88, 0x82]), mask, Buffer.from([0x03, 0xed])]), 1002],
  };
  for (const [what, [bytes, code]] of Object.entries(frames)) {
    const client = await open("/ws/echo/");
    client.socket._socket.write(bytes);
    equal((await client.closed)[0], code, `${what}:`);
  }
});

// -- the handshake -------------------------------------------------------------------------------

test("subprotocols: the mount's first that was offered", async () => {
  const client = await open("/ws/versions/", ["chat.v1", "chat.v2"]);
  equal(client.socket.protocol, "chat.v2");
  await client.close();
});

test("origins: the same host, or none", async () => {
  const origin = base.replace("ws", "http");
  await (await open("/ws/echo/", [], { origin })).close();
  await (await open("/ws/echo/")).close();
  equal(await refused("/ws/echo/", [], { origin: "https://evil.example" }), 403);
  equal(await refused("/ws/echo/", [], { origin: `${origin}.evil.example` }), 403);
});

test("a version of the protocol that is not spoken: 426", async () => {
  equal(await refused("/ws/echo/", [], { protocolVersion: 8 }), 426);
});

test("a path that is not mounted: 404", async () => {
  equal(await refused("/ws/nothing/"), 404);
});

// -- the chat ------------------------------------------------------------------------------------

test("the chat says what was wrong", async () => {
  const client = await open("/ws/chat/");
  client.send('{"message": 1}');
  equal(await client.closed, [1003, 'expected {"message": "text"}']);
});

test("everybody hears everything, in the order of each sender", async () => {
  const members = await Promise.all(Array.from({ length: 20 }, () => open("/ws/chat/many/")));
  const COUNT = 200;
  const senders = members.slice(0, 4);
  for (let i = 0; i < COUNT; i++)
    senders.forEach((sender, s) => sender.send(JSON.stringify({ message: `${s} ${i}` })));
  for (const member of members) {
    const next = senders.map(() => 0);
    for (let i = 0; i < COUNT * senders.length; i++) {
      const { message } = JSON.parse(await member.receive());
      const [s, n] = message.slice(prefix.length).split(" ").map(Number);
      equal(n, next[s]++, `of sender ${s}:`);
    }
  }
  await Promise.all(members.map((member) => member.close()));
});

test("messages are compressed where the mount does that", async () => {
  if (process.env.DEMO_PLAIN) return;
  const echo = await open("/ws/echo/", [], { perMessageDeflate: true });
  equal(echo.socket.extensions, "");
  const plain = await open("/ws/chat/long/");
  const members = [plain];
  for (const deflate of [true, { serverMaxWindowBits: 9, clientMaxWindowBits: 9, threshold: 0 }])
    members.push(await open("/ws/chat/long/", [], { perMessageDeflate: deflate }));
  equal(members.map(({ socket }) => socket.extensions.split(";")[0]), ["", "permessage-deflate", "permessage-deflate"]);
  for (const text of ["short", "语".repeat(4000), "hello ".repeat(10000), "x".repeat(300)]) {
    for (const sender of members) {
      sender.send(JSON.stringify({ message: text }));
      for (const member of members)
        equal(JSON.parse(await member.receive()).message, prefix + text);
    }
  }
  for (const client of [echo, ...members]) await client.close();
});

// A client in another language, in the same room: a line goes there and comes back.
const PYTHON = `
import asyncio, json, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1]) as ws:
        print("here", flush=True)
        heard = json.loads(await ws.recv())["message"]
        await ws.send(json.dumps({"message": "python heard " + heard}))
        await ws.recv()
asyncio.run(main())
`;

test("Node and Python talk to each other", async () => {
  const python = spawn("/usr/bin/python3", ["-c", PYTHON, `${base}/ws/chat/both/`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(python.stdout, "data");
  const client = await open("/ws/chat/both/");
  client.send(JSON.stringify({ message: "你好 from node" }));
  // Order is promised for one sender's lines alone: python's answer may be here before our own.
  const heard = [await client.receive(), await client.receive()].map((line) => JSON.parse(line).message);
  equal(heard.sort(), [`${prefix}python heard ${prefix}你好 from node`, `${prefix}你好 from node`]);
  await client.close();
  if (python.exitCode === null) await once(python, "exit");
  equal(python.exitCode, 0, "python's status");
});

// -- The run -------------------------------------------------------------------------------------

let passed = 0;
let failed = 0;
for (const { name, run } of tests) {
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error("not within 30 s")), 30000);
  });
  try {
    await Promise.race([run(), late]);
    passed++;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}: ${error.stack}`);
  }
  clearTimeout(timer);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
