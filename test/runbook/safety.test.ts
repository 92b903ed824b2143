import { describe, expect, test } from 'vitest';
import { harmlessLine, harmlessText } from '../../src/record/harmless-text.ts';
import { Capture } from '../../src/runbook/capture.ts';
import { redact, redactor } from '../../src/runbook/redact.ts';

const key = (kind: string) =>
  `-----BEGIN ${kind}PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END ${kind}PRIVATE KEY-----`;

describe('secrets do not reach the record', () => {
  test.each([
    ['a private key', `before\n${key('')}\nafter`, 'before\n-----BEGIN PRIVATE KEY----- [redacted]\nafter'],
    ['an RSA key', key('RSA '), '-----BEGIN RSA PRIVATE KEY----- [redacted]'],
    ['a key that the end cuts off', key('').slice(0, 40), '-----BEGIN PRIVATE KEY----- [redacted]'],
    ['the rest of a key', key('').slice(30), '[redacted] -----END PRIVATE KEY-----'],
    ['a bearer token', 'authorization: Bearer abcDEF123-._~+/=', 'authorization: Bearer [redacted]'],
    ['a JSON Web Token', 'got eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2lnbmF0dXJl!', 'got [redacted]!'],
    ['a password in a URL', 'postgres://app:hunter2@db:5432/shop', 'postgres://app:[redacted]@db:5432/shop'],
    ['a setting', 'DB_PASSWORD=hunter2 other=1', 'DB_PASSWORD=[redacted] other=1'],
    ['JSON', '{"apiKey": "abc\\"def", "port": 80}', '{"apiKey": [redacted], "port": 80}'],
    ['a kubeconfig', 'client-key-data: LS0tLS1CRUdJTg==', 'client-key-data: [redacted]'],
    ['an option', 'mysql --password hunter2 -h db', 'mysql --password [redacted] -h db'],
    ['a GitHub token', 'ghp_abcdefghijklmnopqrstuvwxyz0123456789', '[redacted]'],
    [
      'a Secret in YAML',
      'apiVersion: v1\ndata:\n  api-key: ZGVtbw==\n  other: |\n    line\nkind: Secret\nmetadata:\n  name: x',
      'apiVersion: v1\ndata:\n  api-key: [redacted]\n  other: [redacted]\n    [redacted]\nkind: Secret\nmetadata:\n  name: x',
    ],
    [
      'a Secret in JSON',
      '{\n  "data": {\n    "api-key": "ZGVtbw==",\n    "b": "Yg=="\n  },\n  "kind": "Secret"\n}',
      '{\n  "data": {\n    "api-key": [redacted],\n    "b": [redacted]\n  },\n  "kind": "Secret"\n}',
    ],
    ['a Secret on one line', '{"kind":"Secret","data":{"k":"ZGVtbw=="}}', '{"kind":"Secret","data":{[redacted]}}'],
  ])('%s', (_, text, expected) => {
    expect(redact(text)).toBe(expected);
  });

  test('what is known to be secret, as it is and as Secrets carry it', () => {
    const hide = redactor(['s3cr3t value', 'x']);
    const encoded = Buffer.from('s3cr3t value').toString('base64');
    expect(hide(`a s3cr3t value, ${encoded}, s3cr3t%20value, x`)).toBe('a [redacted], [redacted], [redacted], x');
  });

  test('ordinary output stays as it is', () => {
    const text = [
      'NAME                  READY   STATUS    RESTARTS   AGE',
      'payments-7c9f6d5b8-x  1/1     Running   0          3m',
      'kind: ConfigMap\ndata:\n  shop.json: "{}"',
      'secretKeyRef:\n  name: payments-credentials\n  key: api-key',
      'Basic information: token count 12, passwords are rotated',
      'Error: secret "payments-credentials-v2" not found',
    ].join('\n');
    expect(redact(text)).toBe(text);
  });

  test('a secret that a cut halves is not left over', () => {
    const capture = new Capture();
    const secret = 'Z'.repeat(40);
    // The head ends and the tail begins inside of one secret each, in a text without line ends.
    capture.write(Buffer.from('a'.repeat(24 * 1024 - 20) + secret + 'b'.repeat(100_000) + secret + 'c'.repeat(36 * 1024 - 20)));
    expect(capture.text(redactor([secret]))).not.toContain('ZZ');
  });
});

describe('output is harmless', () => {
  test.each([
    ['colours', '\u001b[1;31mred\u001b[0m', 'red'],
    ['the title of the window', '\u001b]0;owned\u0007text', 'text'],
    ['links', '\u001b]8;;https://evil\u001b\\click\u001b]8;;\u001b\\', 'click'],
    ['an OSC that never ends, up to the line end', '\u001b]0;abc\nnext', '\nnext'],
    ['an eight-bit escape', '\u009b31mred', 'red'],
    ['progress that overwrote itself', '10%\r50%\r100%\ndone', '100%\ndone'],
    ['line ends of Windows', 'a\r\nb\r\n', 'a\nb\n'],
    ['text that turns its direction', 'user\u202egnp.exe', 'usergnp.exe'],
    ['tabs stay', 'a\tb', 'a\tb'],
  ])('%s', (_, text, expected) => {
    expect(harmlessText(text)).toBe(expected);
  });

  test('on one line', () => {
    expect(harmlessLine(' a\n\n b\t\u001b[31mc ')).toBe('a b c');
  });
});

describe('long output', () => {
  test('what fits is kept whole', () => {
    const capture = new Capture();
    for (let line = 0; line < 1000; line++) capture.write(Buffer.from(`line ${line}\n`));
    const text = capture.text(redact);
    expect(text.split('\n')).toHaveLength(1001);
    expect(text).not.toContain('left out');
  });

  test('of more, whole lines of head and tail are kept', () => {
    const capture = new Capture();
    for (let line = 0; line < 50_000; line++) capture.write(Buffer.from(`line ${line}\n`));
    const lines = capture.text(redact).trimEnd().split('\n');
    expect(lines[0]).toBe('line 0');
    expect(lines.at(-1)).toBe('line 49999');
    expect(lines.filter(line => !/^line \d+$/.test(line))).toEqual([expect.stringMatching(/^\[… .* left out …\]$/)]);
  });
});
