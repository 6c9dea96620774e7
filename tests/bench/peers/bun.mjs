// The peer "bun", whose server is uWebSockets: /ws/echo/ sends back, /ws/chat/ publishes.
Bun.serve({
  port: Number(process.argv[2]),
  hostname: '127.0.0.1',
  fetch(request, server) {
    const chat = new URL(request.url).pathname.startsWith('/ws/chat/');
    return server.upgrade(request, { data: { chat } }) ? undefined : new Response('', { status: 400 });
  },
  websocket: {
    maxPayloadLength: 2 << 20,
    backpressureLimit: 64 << 20,
    idleTimeout: 960,
    sendPings: false,
    publishToSelf: true,
    perMessageDeflate: false,
    open(socket) {
      if (socket.data.chat) socket.subscribe('room');
    },
    message(socket, message) {
      if (socket.data.chat) socket.publish('room', message);
      else socket.send(message);
    },
  },
});
