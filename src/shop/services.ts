/** What the three services do: frontend → checkout → payments. */
import type { Client } from './client.ts';
import { DownstreamError } from './client.ts';
import type { ShopConfig } from './config.ts';
import { page } from './page.ts';
import { PRODUCTS } from './products.ts';
import type { Random } from './random.ts';
import { type Answer, json, type Routes } from './server.ts';
import type { Behaviour } from './versions.ts';

export const SERVICES = ['frontend', 'checkout', 'payments'] as const;
export type ServiceName = (typeof SERVICES)[number];

export function isServiceName(text: string | undefined): text is ServiceName {
  return SERVICES.includes(text as ServiceName);
}

/** Median of the work that a healthy request costs in the service itself, ms: together some 30 ms from the frontend. */
const MEDIAN_MS: Record<ServiceName, number> = { frontend: 5, checkout: 8, payments: 12 };
const SIGMA = 0.45;

export interface ServiceContext {
  service: ServiceName;
  /** What the front page shows. */
  page: Parameters<typeof page>[0];
  config: ShopConfig;
  behaviour: Behaviour;
  random: Random;
  sleep(ms: number): Promise<void>;
  /** Keeps memory for good, for the releases that do. */
  leak(bytes: number): void;
  /** A client of another service, by its name. */
  client(target: 'checkout' | 'payments' | 'fraud'): Client;
}

/** The routes of one service; health and metrics are the server's. */
export function routesOf(context: ServiceContext): Routes {
  switch (context.service) {
    case 'frontend':
      return frontend(context);
    case 'checkout':
      return checkout(context);
    case 'payments':
      return payments(context);
  }
}

function frontend(context: ServiceContext): Routes {
  const order = business(context, async traceparent => {
    const reply = await context.client('checkout')('POST', '/orders', traceparent, { items: [PRODUCTS[0]?.id] });
    return reply.status === 201 ? json(200, reply.body) : passOn('checkout', reply);
  });
  const products = business(context, () => json(200, { currency: context.config.currency, products: PRODUCTS }));
  return {
    'GET /': async call => {
      const answer = await products(call);
      return answer.status === 200 ? { status: 200, type: 'text/html; charset=utf-8', body: page(context.page) } : answer;
    },
    'GET /products': products,
    // Probes and people's browsers can only GET; both take the whole way to a charge.
    'GET /checkout': order,
    'POST /checkout': order,
  };
}

function checkout(context: ServiceContext): Routes {
  return {
    'POST /orders': business(context, async traceparent => {
      const amount = PRODUCTS[0]?.cents ?? 0;
      const charge = { amount, currency: context.config.currency };
      const reply = await context.client('payments')('POST', '/charge', traceparent, charge);
      if (reply.status !== 200) return passOn('payments', reply);
      return json(201, { order: orderNumber(traceparent), status: 'confirmed', ...charge });
    }),
  };
}

function payments(context: ServiceContext): Routes {
  return {
    'POST /charge': business(context, async traceparent => {
      if (context.config.featureFlags.fraudCheck) await context.client('fraud')('POST', '/score', traceparent, {});
      return json(200, { charge: orderNumber(traceparent), status: 'captured' });
    }),
  };
}

/** A request that users care for: takes its time, and meets what version and configuration bring with them. */
function business(context: ServiceContext, work: (traceparent: string) => Promise<Answer> | Answer) {
  const { service, config, behaviour, random } = context;
  return async ({ traceparent }: { traceparent: string }): Promise<Answer> => {
    context.leak(behaviour.leakBytes.perRequest);
    const [low, high] = behaviour.extraLatencyMs;
    await context.sleep(random.logNormal(MEDIAN_MS[service], SIGMA) + config.extraLatencyMs + low + (high - low) * random.next());
    if (random.next() < behaviour.errorRate) return json(500, { error: 'internal error' }, FAILURE[service]);
    if (random.next() < config.errorRate) return json(500, { error: 'internal error' }, `${service}: request rejected`);
    try {
      return await work(traceparent);
    } catch (error) {
      if (!(error instanceof DownstreamError)) throw error;
      return json(502, { error: error.message }, error.message);
    }
  };
}

/** What a release that fails a share of its requests logs: a mistake of its own, as after a careless change. */
const FAILURE: Record<ServiceName, string> = {
  frontend: "TypeError: Cannot read properties of undefined (reading 'basket')",
  checkout: "TypeError: Cannot read properties of undefined (reading 'total')",
  payments: "TypeError: Cannot read properties of undefined (reading 'authorization')",
};

function passOn(target: string, reply: { status: number; body: unknown }): Answer {
  const said = (reply.body as { error?: unknown } | undefined)?.error;
  const reason = `${target} answered ${reply.status}${typeof said === 'string' ? `: ${said}` : ''}`;
  return json(502, { error: reason }, reason);
}

/** Short and the same in every service for one trace. */
function orderNumber(traceparent: string): string {
  return (traceparent.split('-')[1] ?? '').slice(0, 8);
}
