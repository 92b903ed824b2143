import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** The server's end of one WebSocket connection (RFC 6455) that mostly sends. */
export interface WebSocketConnection {
  /** Sends one binary message; false when the client reads more slowly than that. */
  send(message: Buffer): boolean;
  /** Resolves when more can be sent, or when the connection is gone. */
  drained(): Promise<void>;
  /** Says good-bye (1000, normal closure) and ends. */
  close(): void;
  /** The client left. */
  readonly closed: AbortSignal;
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
/** Of what a client sends; pings and a few bytes of input are far smaller. */
const FRAME_LIMIT = 1 << 20;

/** The first of `supported` that the client offers; undefined when it is no WebSocket handshake or offers none of them. */
export function offeredProtocol(request: IncomingMessage, supported: readonly string[]): string | undefined {
  if (request.headers.upgrade?.toLowerCase() !== 'websocket' || !request.headers['sec-websocket-key']) return undefined;
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim());
  return supported.find(name => offered.includes(name));
}

/** Answers the handshake. What the client sends is read (pings are answered) and otherwise ignored. */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer, protocol: string): WebSocketConnection {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
  );
  const gone = new AbortController();
  let received = head;
  const receive = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (let frame = firstFrame(received); frame; frame = firstFrame(received)) {
      received = received.subarray(frame.length);
      if (frame.opcode === PING) socket.write(encode(PONG, frame.payload));
      else if (frame.opcode === CLOSE) socket.end(encode(CLOSE, frame.payload));
    }
    if (received.length > FRAME_LIMIT) socket.destroy();
  };
  socket.on('data', receive);
  socket.on('close', () => gone.abort());
  socket.on('error', () => gone.abort());
  receive(Buffer.alloc(0));
  return {
    send: message => socket.writable && socket.write(encode(BINARY, message)),
    drained: () =>
      new Promise(resolve => {
        if (!socket.writableNeedDrain || gone.signal.aborted) return resolve();
        socket.once('drain', resolve);
        socket.once('close', () => resolve());
      }),
    close() {
      const normal = Buffer.alloc(2);
      normal.writeUInt16BE(1000);
      if (socket.writable) socket.end(encode(CLOSE, normal));
    },
    closed: gone.signal,
  };
}

/** An unmasked final frame, as servers send them. */
function encode(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  let header: Buffer;
  if (length < 126) header = Buffer.from([0x80 | opcode, length]);
  else if (length < 65_536) {
    header = Buffer.from([0x80 | opcode, 126, 0, 0]);
    header.writeUInt16BE(length, 2);
  } else {
    header = Buffer.alloc(10);
    header[0] = 0x80 | opcode;
    header[1] = 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([header, payload]);
}

/** The first whole frame of what a client sent, unmasked; undefined while it is incomplete. */
function firstFrame(bytes: Buffer): { opcode: number; payload: Buffer; length: number } | undefined {
  if (bytes.length < 2) return undefined;
  const masked = ((bytes[1] as number) & 0x80) !== 0;
  let size = (bytes[1] as number) & 0x7f;
  let start = 2;
  if (size === 126) {
    if (bytes.length < 4) return undefined;
    size = bytes.readUInt16BE(2);
    start = 4;
  } else if (size === 127) {
    if (bytes.length < 10) return undefined;
    size = Number(bytes.readBigUInt64BE(2));
    start = 10;
  }
  const body = masked ? start + 4 : start;
  if (bytes.length < body + size) return undefined;
  const payload = Buffer.from(bytes.subarray(body, body + size));
  if (masked)
    for (let index = 0; index < size; index++)
      payload[index] = (payload[index] as number) ^ (bytes[start + (index & 3)] as number);
  return { opcode: (bytes[0] as number) & 0x0f, payload, length: body + size };
}
