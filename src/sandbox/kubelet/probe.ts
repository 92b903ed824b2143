import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Container, HTTPGetAction, Probe } from 'kubernetes-types/core/v1.js';

export type ProbeOutcome = { ok: true } | { ok: false; message: string };

export interface ProbeTarget {
  podIP: string;
  container: Container;
  /** Maps an address of the sandbox to where it is really bound. */
  dial(address: string, port: number): { host: string; port: number };
  /** Runs one of our programs inside the container; rejects when it cannot be started. */
  exec(command: readonly string[], timeoutMs: number): Promise<{ exitCode: number; output: string; timedOut: boolean }>;
}

const fail = (message: string): ProbeOutcome => ({ ok: false, message });

/** A port by number or by a container port's name. undefined when there is no such name. */
function resolvePort(port: number | string, container: Container): number | undefined {
  const number = Number(port);
  if (Number.isInteger(number) && number > 0) return number;
  return container.ports?.find(({ name }) => name === port)?.containerPort;
}

/** A failed connection in Go's words. */
function dialError(error: NodeJS.ErrnoException, address: string): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return `dial tcp ${address}: connect: connection refused`;
    case 'EHOSTUNREACH':
      return `dial tcp ${address}: connect: no route to host`;
    case 'ENETUNREACH':
      return `dial tcp ${address}: connect: network is unreachable`;
    case 'ETIMEDOUT':
      return `dial tcp ${address}: i/o timeout`;
    case 'ECONNRESET':
      return error.message.includes('socket hang up') ? 'EOF' : `read tcp ${address}: read: connection reset by peer`;
    default:
      return `dial tcp ${address}: ${error.message}`;
  }
}

function probeTcp(host: string, port: number, timeoutMs: number, target: ProbeTarget): Promise<ProbeOutcome> {
  return new Promise(resolve => {
    const socket = connect(target.dial(host, port));
    const done = (outcome: ProbeOutcome) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => done(fail(`dial tcp ${host}:${port}: i/o timeout`)), timeoutMs);
    socket.once('connect', () => done({ ok: true }));
    socket.once('error', error => done(fail(dialError(error, `${host}:${port}`))));
  });
}

function probeHttp(action: HTTPGetAction, port: number, timeoutMs: number, target: ProbeTarget): Promise<ProbeOutcome> {
  const host = action.host || target.podIP;
  const scheme = (action.scheme ?? 'HTTP').toLowerCase();
  const path = action.path?.startsWith('/') ? action.path : `/${action.path ?? ''}`;
  const url = `${scheme}://${host}:${port}${path}`;
  const headers: Record<string, string> = {
    Host: `${host}:${port}`,
    'User-Agent': 'kube-probe/1.34',
    Accept: '*/*',
    Connection: 'close',
  };
  for (const { name, value } of action.httpHeaders ?? []) {
    for (const existing of Object.keys(headers)) if (existing.toLowerCase() === name.toLowerCase()) delete headers[existing];
    headers[name] = value;
  }
  return new Promise(resolve => {
    const send = scheme === 'https' ? httpsRequest : httpRequest;
    let settled = false;
    const done = (outcome: ProbeOutcome) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      request.destroy();
      resolve(outcome);
    };
    const request = send({ ...target.dial(host, port), path, headers, agent: false, rejectUnauthorized: false }, response => {
      const code = response.statusCode ?? 0;
      done(code >= 200 && code < 400 ? { ok: true } : fail(`HTTP probe failed with statuscode: ${code}`));
    });
    const timer = setTimeout(
      () => done(fail(`Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`)),
      timeoutMs,
    );
    request.on('error', error => done(fail(`Get "${url}": ${dialError(error, `${host}:${port}`)}`)));
    request.end();
  });
}

/** Runs a probe once, with upstream's failure texts. Never rejects. */
export async function runProbe(probe: Probe, target: ProbeTarget): Promise<ProbeOutcome> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  const { httpGet, tcpSocket, exec } = probe;
  try {
    if (exec) {
      const command = exec.command ?? [];
      const result = await target.exec(command, timeoutMs);
      if (result.timedOut) return fail(`command timed out: "${command.join(' ')}" timed out after ${probe.timeoutSeconds ?? 1}s`);
      return result.exitCode === 0 ? { ok: true } : fail(result.output.slice(0, 10 * 1024));
    }
    const declared = httpGet?.port ?? tcpSocket?.port;
    if (declared !== undefined) {
      const port = resolvePort(declared as number | string, target.container);
      if (port === undefined) return fail(`couldn't find port: ${declared}`);
      if (httpGet) return await probeHttp(httpGet, port, timeoutMs, target);
      return await probeTcp(tcpSocket?.host || target.podIP, port, timeoutMs, target);
    }
    return fail('the sandbox has no gRPC probes: use httpGet, tcpSocket or exec');
  } catch (error) {
    return fail((error as Error).message);
  }
}
