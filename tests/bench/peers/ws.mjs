// The peer "ws" of Node: /ws/echo/ sends back, /ws/chat/ sends to all who are there.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../package.json', import.meta.url));
const { WebSocketServer } = require('ws');

const room = new Set();
const server = new WebSocketServer({
  port: Number(process.argv[2]),
  host: '127.0.0.1',
  backlog: 4096,
  perMessageDeflate: false,
  maxPayload: 2 << 20,
});
server.on('connection', (socket, request) => {
  const chat = request.url.startsWith('/ws/chat/');
  if (chat) {
    room.add(socket);
    socket.on('close', () => room.delete(socket));
  }
  socket.on('message', (data, binary) => {
    if (!chat) socket.send(data, { binary });
    else for (const member of room) member.send(data, { binary });
  });
});
