/**
 * The demo application: one program, three services. `shop.mjs frontend|checkout|payments`
 *
 * Environment: SHOP_VERSION (comes with the image), SHOP_CONFIG (path of the config, /etc/shop/shop.json), CHECKOUT_URL and
 * PAYMENTS_URL and FRAUD_URL (the other services), PAYMENTS_API_KEY (payments only), SHOP_BANNER (a line on the front page),
 * PORT (8080), SHOP_DRAIN_MS, SHOP_SEED.
 */
import fs from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from './client.ts';
import { ConfigError, parseConfig, type ShopConfig } from './config.ts';
import { createLog, type LogLevel } from './log.ts';
import { createMetrics } from './metrics.ts';
import { seededRandom } from './random.ts';
import { startServer } from './server.ts';
import { isServiceName, routesOf, SERVICES } from './services.ts';
import { behaviourOf } from './versions.ts';

const env = process.env;
const service = process.argv[2];
const version = env.SHOP_VERSION ?? 'dev';
let logLevel: LogLevel = 'info';
const log = createLog({ service: service ?? 'shop', version }, () => logLevel);

function fail(code: number, message: string, fields: Readonly<Record<string, unknown>> = {}): never {
  log.fatal(message, fields);
  process.exit(code);
}

/** A file that is not there means the defaults: the shop also runs without a ConfigMap. */
function readConfig(file: string): ShopConfig {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') fail(1, `cannot read the config: ${String(error)}`);
    if (env.SHOP_CONFIG !== undefined) fail(1, `cannot read the config: ${file} does not exist`);
    text = '{}';
  }
  try {
    const { config, unknown } = parseConfig(file, text);
    for (const field of unknown) log.warn(`config field ${field} is not known to this version`);
    return config;
  } catch (error) {
    if (error instanceof ConfigError) return fail(1, `cannot use the config: ${error.message}`);
    throw error;
  }
}

if (!isServiceName(service)) fail(2, `name the service: ${SERVICES.join(', ')}`);
const config = readConfig(env.SHOP_CONFIG ?? '/etc/shop/shop.json');
logLevel = config.logLevel;
if (service === 'payments' && !env.PAYMENTS_API_KEY)
  fail(1, 'PAYMENTS_API_KEY is not set: payments cannot reach the card network');

const behaviour = behaviourOf(version);
if (behaviour.crashesAtStart) {
  await sleep(200);
  fail(3, 'migration 42 failed: column "authorization_id" of relation "charges" already exists');
}

const metrics = createMetrics();
metrics.gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
const startedAt = Date.now() / 1000 - process.uptime();
metrics.gauge('process_start_time_seconds', 'When the process started, since the Unix epoch.', () => startedAt);
metrics.gauge('shop_build_info', 'Always 1; the labels tell what runs.', () => 1, { service, version });
const requests = metrics.counter('http_client_requests_total', 'Requests to other services.');
const durations = metrics.histogram('http_client_request_duration_seconds', 'Time that other services took.');

const urls = {
  checkout: env.CHECKOUT_URL ?? 'http://checkout',
  payments: env.PAYMENTS_URL ?? 'http://payments',
  fraud: env.FRAUD_URL ?? 'http://fraud',
};
for (const [name, url] of Object.entries(urls)) {
  if (!URL.canParse(url) || new URL(url).protocol !== 'http:')
    fail(1, `${name.toUpperCase()}_URL must be an http URL, not ${JSON.stringify(url)}`);
}
const clients = new Map<string, Client>();
/** The release that leaks keeps what it rendered, outside of V8's heap: it is the container's limit that ends it. */
const kept: Buffer[] = [];
const leak = (bytes: number) => {
  // Filled, because the kernel counts only pages that were written.
  if (bytes > 0) kept.push(Buffer.alloc(bytes, 1));
};
if (behaviour.leakBytes.perHalfSecond > 0) setInterval(() => leak(behaviour.leakBytes.perHalfSecond), 500).unref();

let notReadyLogged = false;
const server = await startServer({
  port: Number(env.PORT ?? 8080),
  metrics,
  log,
  drainMs: Number(env.SHOP_DRAIN_MS ?? 2000),
  notReady() {
    if (!behaviour.neverReady) return undefined;
    const why = 'schema is at version 41, this release needs 42';
    if (!notReadyLogged) log.warn(`not ready: ${why}`);
    notReadyLogged = true;
    return why;
  },
  routes: routesOf({
    service,
    page: { version, currency: config.currency, banner: env.SHOP_BANNER },
    config,
    behaviour,
    random: seededRandom(`${env.SHOP_SEED ?? ''}/${hostname()}/${service}/${version}`),
    sleep,
    leak,
    client(target) {
      let client = clients.get(target);
      if (!client) {
        // Who waits for a service that waits itself gives it the time to say why it failed.
        const timeoutMs = config.downstreamTimeoutMs + (target === 'checkout' ? 250 : 0);
        client = createClient({ target, baseUrl: urls[target], timeoutMs, requests, durations });
        clients.set(target, client);
      }
      return client;
    },
  }),
}).catch((error: NodeJS.ErrnoException) => fail(1, `cannot listen: ${error.message}`));
log.info('listening', { port: server.port, startMs: Math.round(process.uptime() * 1000) });

async function shutDown(signal: NodeJS.Signals): Promise<void> {
  log.info('shutting down', { signal });
  await server.drain();
  log.info('stopped');
  process.exit(0);
}
process.once('SIGTERM', signal => void shutDown(signal));
process.once('SIGINT', signal => void shutDown(signal));
