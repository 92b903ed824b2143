/** As much of the DNS wire format (RFC 1035) as a cluster's resolver needs: one question, A and SRV-less answers. */

export const TYPE_A = 1;
export const TYPE_ANY = 255;
export const NXDOMAIN = 3;
export const NOERROR = 0;

export interface DnsQuery {
  id: number;
  /** Lower case, without the final dot. */
  name: string;
  type: number;
  /** The question as it was sent, to be echoed. */
  question: Buffer;
}

/** undefined for what is no well-formed query with one question. */
export function parseQuery(message: Buffer): DnsQuery | undefined {
  if (message.length < 17 || message.readUInt16BE(4) !== 1 || (message.readUInt8(2) & 0x80) !== 0) return undefined;
  const labels: string[] = [];
  let offset = 12;
  for (;;) {
    const length = message[offset];
    if (length === undefined || length > 63) return undefined;
    offset += 1;
    if (length === 0) break;
    if (offset + length > message.length) return undefined;
    labels.push(message.toString('latin1', offset, offset + length));
    offset += length;
  }
  if (offset + 4 > message.length) return undefined;
  return {
    id: message.readUInt16BE(0),
    name: labels.join('.').toLowerCase(),
    type: message.readUInt16BE(offset),
    question: message.subarray(12, offset + 4),
  };
}

/** Answers a query with addresses (A records) or, with none, an empty answer of the given code. */
export function encodeAnswer(query: DnsQuery, code: number, addresses: readonly string[], ttlSeconds: number): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(query.id, 0);
  // Response, authoritative, recursion desired and available.
  header.writeUInt16BE(0x8580 | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(addresses.length, 6);
  const answers = addresses.map(address => {
    const record = Buffer.alloc(16);
    record.writeUInt16BE(0xc00c, 0); // the name in the question
    record.writeUInt16BE(TYPE_A, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(ttlSeconds, 6);
    record.writeUInt16BE(4, 10);
    address.split('.').forEach((part, index) => {
      record[12 + index] = Number(part);
    });
    return record;
  });
  return Buffer.concat([header, query.question, ...answers]);
}
