import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isSecretSetting } from '../../src/record/secret-setting.ts';
import { hideSecrets } from '../../src/record/secret-text.ts';

const hide = (text: string) => hideSecrets(text, () => '***');

const SECRET =
  `STRIPE_KEY ENCRYPTION_KEY SESSION_KEY SIGNING_KEY PRIVATE_KEY APP_KEY API_KEY API_KEYS STRIPE_KEY_LIVE SECRET_KEY_BASE
  KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY DB_PWD DBPWD PASSWORD DB_PASSWORD PGPASSWORD MYSQL_ROOT_PASSWORD PASSWORD_V2 DB_PASS DBPASS
  PASSPHRASE CONNECTION_STRING ConnectionStrings__Default AZURE_STORAGE_CONNECTION_STRING DSN SENTRY_DSN WEBHOOK_URL SLACK_WEBHOOK
  credentials CREDENTIALS DB_CREDENTIALS TOKEN GITHUB_TOKEN TOKEN2 authToken apiToken accessToken client_secret OAUTH_CLIENT_SECRET
  VAULT_SECRET_ID JWT JWT_SECRET BASIC_AUTH Authorization SESSION_COOKIE PASSWORD_SALT PASSWORD_HASH spring.datasource.password
  --db-password -token client-key-data tls.key secrets.yaml apikey stripeKey X-Api-Key`.split(/\s+/);

const HARMLESS =
  `KEYBOARD KEYBOARD_LAYOUT MONKEY TURKEY KEY_PREFIX CACHE_KEY_PREFIX KEYSPACE KEYCLOAK_URL KEY_VAULT_NAME KMS_KEY_ID
  PARTITION_KEY PRIMARY_KEY PUBLIC_KEY STRIPE_PUBLISHABLE_KEY topologyKey key TOKENIZER_THREADS TOKENIZER TOKEN_URL TOKEN_TTL
  TOKEN_TTL_SECONDS tokenExpirationSeconds PASSWORD_MIN_LENGTH PASSWORD_POLICY PASSWORD_RESET_URL SECRET_NAME secretName secretKeyRef
  SECRETARY CREDENTIALS_PATH DB_PASSWORD_FILE PASSENGER_COUNT PASSIVE_MODE PASS_THROUGH BYPASS COMPASS_URL proxy_pass AUTHOR
  AUTHORITY AUTH_MODE AUTH_URL COOKIE_DOMAIN SESSION_TIMEOUT WEBHOOK_TIMEOUT WEBHOOK_RETRIES DATABASE_HOST PAYMENTS_URL SHOP_BANNER
  CONNECTION_LIMIT OLDPWD_MODE --port --api-version -n secret-config.yaml TURKEY_REGION`.split(/\s+/);

describe('a setting is known for a secret by its name', () => {
  // Of any value that somebody could have chosen.
  const values = ['hunter2', 'correct horse', '1f0e', 'a,b;c', 'x'.repeat(80), '/slash', '90210'];

  test.each(SECRET)('%s', name => {
    for (const value of values) {
      expect(isSecretSetting(name, value), value).toBe(true);
      const quoted = JSON.stringify(value);
      const bare = /[\s,;]/.test(value) ? quoted : value;
      for (const text of [
        `${name}=${bare} next=1`,
        `${name}: ${bare}`,
        `{"${name}": ${quoted}, "next": 1}`,
        `{"${name}":${quoted},"next":1}`,
        `- name: ${name}\n  value: ${bare}\n- name: NEXT`,
        `[{"name":"${name}","value":${quoted}}]`,
        `run --from-literal=${name}=${bare}`,
        `run --${name.replace(/^-+/, '')} ${bare}`,
        `["--${name.replace(/^-+/, '')}", ${quoted}]`,
        `- --${name.replace(/^-+/, '')}\n- ${bare}`,
      ]) {
        // A lone KEY is a variable, not a flag.
        if (name === 'KEY' && text.includes('--KEY')) continue;
        expect(hide(text), text).not.toContain(value);
        expect(hide(text), text).toContain('***');
      }
    }
  });

  test.each(HARMLESS)('and not: %s', name => {
    for (const value of ['hunter2', '12', '/etc/app', 'https://auth.example/token']) {
      expect(isSecretSetting(name, value), value).toBe(false);
      for (const text of [`${name}=${value} x`, `${name}: ${value}`, `--${name} ${value}`, `- name: ${name}\n  value: ${value}`])
        expect(hide(text)).toBe(text);
    }
  });

  test.each([
    ['a switch', 'BASIC_AUTH=true'],
    ['nothing', 'API_KEY='],
    ['an empty text', 'API_KEY=""'],
    ['a path', 'PRIVATE_KEY=/etc/tls/tls.key'],
    ['a variable that Kubernetes fills in', '--password=$(DB_PASSWORD)'],
    ['a variable of a shell', 'mysql -p"$DB_PASSWORD" --password "$DB_PASSWORD"'],
    ['what kubectl describes', "API_KEY:  <set to the key 'api-key' in secret 'payments'>  Optional: false"],
    ['a number of them', 'MAX_TOKENS=4096, pass: 12, tokens: 300'],
    ['the working directory', 'PWD=/srv/shop'],
    ['a flag without a value', 'login --password --verbose'],
    ['a reference to a Secret', 'secretKeyRef:\n  name: payments\n  key: api-key'],
    ['tests that passed', '--- PASS: TestCart (0.00s)'],
  ])('%s is shown: there is nothing in it to hide', (_what, text) => {
    expect(hide(text)).toBe(text);
  });
});

describe('a secret is known by its form, whatever it is called', () => {
  // Put together here: whoever searches this repository for leaked keys finds none.
  const made = (...parts: string[]) => parts.join('');
  test.each([
    ['a JSON Web Token', made('eyJ', 'hbGciOiJSUzI1NiJ9', '.eyJpc3MiOiJrdWJlIn0', '.c2lnbmF0dXJl')],
    ['of AWS', made('AKIA', 'IOSFODNN7EXAMPLE')],
    ['of GitHub', made('ghp_', 'abcdefghijklmnopqrstuvwxyz0123456789')],
    ['of GitLab', made('glpat-', 'abcdefghij0123456789')],
    ['of Slack', made('xoxb-', '123456789012-abcdefABCDEF')],
    ['of Stripe', made('sk_live_', '4eC39HqLyjWDarjtT1zdp7dc')],
    ['of Stripe, for tests', made('sk_test_', '4eC39HqLyjWDarjtT1zdp7dc')],
    ['of Google', made('AIza', 'SyA1234567890abcdefghijklmnopqrstuv')],
    ['of OpenAI', made('sk-', 'proj-abcdefghijklmnop1234567890')],
    ['of Vault', made('hvs.', 'CAESIJ1234567890abcdefgh')],
    ['a private key', '-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----'],
    ['a private key of PGP', '-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQdG\n-----END PGP PRIVATE KEY BLOCK-----'],
  ])('a key %s', (_whose, secret) => {
    for (const text of [`THING=${secret}`, `thing: "${secret}"`, `see ${secret}.`]) {
      const shown = hide(text);
      expect(shown).toContain('***');
      expect(shown).not.toContain(secret.includes('\n') ? secret.split('\n')[1] : secret);
    }
  });

  test.each([
    ['postgres://app:hunter2@db:5432/shop', 'postgres://app:***@db:5432/shop'],
    ['redis://:hunter2@cache', 'redis://:***@cache'],
    ['amqp://me:hun@ter2@queue/v', 'amqp://me:***@queue/v'],
    ['https://hooks.slack.com/services/T000/B000/XXXX', 'https://hooks.slack.com/***'],
    ['https://api.example/v1?access_token=hunter2&page=2', 'https://api.example/v1?access_token=***&page=2'],
    ['Server=db;User Id=me;Password=hunter2;Encrypt=true', 'Server=db;User Id=me;Password=***;Encrypt=true'],
    ['curl -u me:hunter2 https://x', 'curl -u me:*** https://x'],
    ['mysql -h db -phunter2 shop', 'mysql -h db -p*** shop'],
  ])('%s', (text, shown) => {
    expect(hide(text)).toBe(shown);
  });

  test('random keys, of any kind of base64', () => {
    let missed = 0;
    for (let round = 0; round < 500; round++) {
      const bytes = randomBytes(30 + (round % 40));
      if (
        hide(`SEED=${bytes.toString(round % 2 ? 'base64' : 'base64url')}`) ===
        `SEED=${bytes.toString(round % 2 ? 'base64' : 'base64url')}`
      )
        missed++;
    }
    // A form is a guess; names are what is relied on.
    expect(missed).toBeLessThan(25);
  });

  test.each([
    'registry.example/team/shop@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'GIT_COMMIT=3b18e512dba79e4c8300dd08aeb37f8e728b8dad',
    'uid: 6f1ed002-ab52-4f5c-9a3e-000000000001',
    'payments-7c9f6d5b8-x2k4z 1/1 Running 0 3m 10.244.1.12',
    '/usr/share/app/VeryLongFolderName2/AnotherLongFolderName3/file',
    'JAVA_OPTS=-Xmx512m -XX:MaxRAMPercentage=75.0 -Dfile.encoding=UTF-8',
    'com.example.shop.payments.internal.PaymentsServiceAutoConfiguration2Test',
    'PaymentsServiceHttpClientAutoConfiguration2Factory3Bean',
    'https://shop.example:8443/products?sort=price&page=2',
    'Basic information: token count 12, passwords are rotated',
  ])('ordinary text stays as it is: %s', text => {
    expect(hide(text)).toBe(text);
  });

  test('a long output takes no time that anybody waits for', () => {
    for (const text of [
      'a'.repeat(200_000),
      'a.'.repeat(100_000),
      'mysql x '.repeat(20_000),
      'a: |\n'.repeat(40_000),
      'name: a '.repeat(20_000),
    ]) {
      const started = performance.now();
      hide(text);
      expect(performance.now() - started, text.slice(0, 10)).toBeLessThan(3000);
    }
  });
});
