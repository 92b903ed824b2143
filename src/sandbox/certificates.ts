import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { bits, boolean, context, integer, objectIdentifier, octets, sequence, set, time, utf8 } from './der.ts';

/** PEM texts. The authority's key is thrown away after it signed: nothing can be signed with it later. */
export interface Credentials {
  ca: string;
  serverCertificate: string;
  serverKey: string;
  clientCertificate: string;
  clientKey: string;
}

interface KeyPair {
  publicKey: KeyObject;
  privateKey: KeyObject;
}

const VALID_MS = 365 * 24 * 3600 * 1000;
/** A clock that is a little behind must not refuse a certificate that is new. */
const SLACK_MS = 60_000;

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

const pair = (): KeyPair => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicDer = (keys: KeyPair) => keys.publicKey.export({ type: 'spki', format: 'der' });
const privatePem = (keys: KeyPair) => keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
const keyId = (keys: KeyPair) => createHash('sha1').update(publicDer(keys)).digest();

const attribute = (oid: string, value: string) => set(sequence(objectIdentifier(oid), utf8(value)));
const commonName = (value: string) => attribute('2.5.4.3', value);
const organization = (value: string) => attribute('2.5.4.10', value);

const extension = (oid: string, value: Buffer, critical = false) =>
  sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octets(value));
const basicConstraints = (authority: boolean) => extension('2.5.29.19', sequence(...(authority ? [boolean(true)] : [])), true);
/** @param usage bits from the left: digitalSignature is 0x80, keyCertSign 0x04, cRLSign 0x02. */
const keyUsage = (usage: number, unused: number) => extension('2.5.29.15', bits(Buffer.from([usage]), unused), true);
const extendedKeyUsage = (oid: string) => extension('2.5.29.37', sequence(objectIdentifier(oid)));
const subjectKeyId = (keys: KeyPair) => extension('2.5.29.14', octets(keyId(keys)));
const authorityKeyId = (keys: KeyPair) => extension('2.5.29.35', sequence(context(0, keyId(keys), false)));
const alternativeNames = (address: number[], names: string[]) =>
  extension(
    '2.5.29.17',
    sequence(context(7, Buffer.from(address), false), ...names.map(name => context(2, Buffer.from(name), false))),
  );

/** An X.509 v3 certificate (RFC 5280), signed with ECDSA over SHA-256, as PEM. */
function certificate(options: {
  serial: number;
  issuer: Buffer;
  subject: Buffer;
  keys: KeyPair;
  signer: KeyPair;
  nowMs: number;
  extensions: Buffer[];
}): string {
  const { serial, issuer, subject, keys, signer, nowMs, extensions } = options;
  const body = sequence(
    context(0, integer(2)),
    integer(serial),
    ECDSA_WITH_SHA256,
    issuer,
    sequence(time(nowMs - SLACK_MS), time(nowMs + VALID_MS)),
    subject,
    publicDer(keys),
    context(3, sequence(...extensions)),
  );
  const der = sequence(body, ECDSA_WITH_SHA256, bits(sign('sha256', body, signer.privateKey)));
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
}

/** A certificate authority of the sandbox's own, a server certificate for loopback, and one for the administrator (group system:masters). */
export function createCredentials(user: string, nowMs: number): Credentials {
  const authority = pair();
  const server = pair();
  const client = pair();
  // A name per authority: clients that know an older sandbox must not take this one for it.
  const issuer = sequence(commonName(`rehearse sandbox CA ${keyId(authority).toString('hex').slice(0, 12)}`));
  const common = { issuer, signer: authority, nowMs };
  return {
    ca: certificate({
      ...common,
      serial: 1,
      subject: issuer,
      keys: authority,
      extensions: [basicConstraints(true), keyUsage(0x06, 1), subjectKeyId(authority)],
    }),
    serverCertificate: certificate({
      ...common,
      serial: 2,
      subject: sequence(commonName('rehearse sandbox')),
      keys: server,
      extensions: [
        basicConstraints(false),
        keyUsage(0x80, 7),
        extendedKeyUsage(SERVER_AUTH),
        authorityKeyId(authority),
        alternativeNames([127, 0, 0, 1], ['localhost', 'kubernetes.default.svc']),
      ],
    }),
    serverKey: privatePem(server),
    clientCertificate: certificate({
      ...common,
      serial: 3,
      subject: sequence(organization('system:masters'), commonName(user)),
      keys: client,
      extensions: [basicConstraints(false), keyUsage(0x80, 7), extendedKeyUsage(CLIENT_AUTH), authorityKeyId(authority)],
    }),
    clientKey: privatePem(client),
  };
}
