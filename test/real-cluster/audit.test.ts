/**
 * What rehearse asked of a real API server, by that server's own audit log: nothing but reads where the guard refuses, and for a drill just
 * the writes that its record has. Then the same server, killed in every phase of a drill. Makes a kind cluster of its own.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { connect } from '../../src/cluster/connection.ts';
import { createWorkplace, type Workplace } from '../cli/rehearse.ts';
import { type AuditedCluster, type AuditedRequest, auditedCluster, missingForKind } from './audited-cluster.ts';
import { differences, eventTypes, leftovers, look } from './killing.ts';

if (missingForKind.length > 0) console.warn(`SKIPPED: the audit log of a real API server: ${missingForKind.join('; ')}`);

const MINUTES = 60_000;
/** The first event of each phase, from the reads before the drill to its restore. */
const PHASES = ['run.started', 'undo.written', 'fault.injected', 'diagnosis.answered', 'rollback.issued', 'restore.started'];
const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection'];

describe.skipIf(missingForKind.length > 0)("by the API server's own audit log", () => {
  let cluster: AuditedCluster;
  let server: string;
  beforeAll(async () => {
    cluster = await auditedCluster(`rehearse-audit-${process.pid}`);
    server = cluster.kubectl('config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}');
    cluster.kubectl('create', 'namespace', 'unlabelled');
  }, 5 * MINUTES);
  afterAll(() => cluster?.remove(), MINUTES);

  let workplace: Workplace;
  beforeEach(() => {
    workplace = createWorkplace();
    workplace.environment['KUBECONFIG'] = cluster.workplace.environment['KUBECONFIG'];
    cluster.requests();
    return () => workplace.remove();
  });
  const optIn = (entry: object) =>
    writeFileSync(
      join(workplace.directory, 'rehearse.yaml'),
      stringify({
        apiVersion: 'rehearse.dev/v1',
        kind: 'Config',
        staging: [{ context: cluster.context, server, namespaces: ['shop'], ...entry }],
      }),
    );

  const REFUSALS: [string, string, () => void][] = [
    ['nothing is opted in', 'shop', () => {}],
    ['another context is opted in', 'shop', () => optIn({ context: 'kind-other' })],
    ['another server is opted in', 'shop', () => optIn({ server: 'https://127.0.0.1:1' })],
    ['another namespace is opted in', 'shop', () => optIn({ namespaces: ['other'] })],
    ['the namespace has no label', 'unlabelled', () => optIn({ namespaces: ['unlabelled'] })],
    ['the namespace does not exist', 'production-shop', () => optIn({ namespaces: ['production-shop'] })],
  ];
  test.each(REFUSALS)(
    'when %s, a refused cluster is read and not written to',
    async (_why, namespace, prepare) => {
      prepare();
      const place = ['--context', cluster.context, '--namespace', namespace];
      for (const command of [
        ['run', 'error-rate', '--plain'],
        ['run', 'error-rate', '--practice', '--plain', '--as', 'mira'],
        ['run', '--blind', '--plain'],
        ['plan', 'error-rate'],
        ['doctor', 'error-rate'],
        ['cluster', 'guard', 'install', '--image', 'registry.example/rehearse-guard:1'],
      ]) {
        const { code, stdout, stderr } = await workplace.run(...command, ...place);
        expect(code, `${command.join(' ')}\n${stdout}\n${stderr}`).toBe(3);
      }
      const requests = cluster.requests();
      expect(requests.length).toBeGreaterThan(5);
      expect(requests.filter(({ verb }) => WRITES.includes(verb))).toEqual([]);
      expect([...new Set(requests.map(({ requestURI }) => requestURI))].sort()).toEqual([
        `/api/v1/namespaces/${namespace}`,
        '/version',
      ]);
    },
    3 * MINUTES,
  );

  test(
    "a drill's record has every write that the server saw, each under the server's own id, and no other",
    async () => {
      optIn({});
      const { stdout, stderr } = await workplace.run('run', 'error-rate', '--plain', '--context', cluster.context);
      const record = workplace.record();
      expect(record.restore?.proven, `${stdout}\n${stderr}`).toBe(true);
      // Its kubectl goes to the same cluster, by KUBECONFIG alone.
      expect(record.runbook.steps.map(({ outcome }) => outcome)).not.toContain('failed');
      // The commands of the runbook are kubectl's; those that rehearse sent itself have its name.
      const saw = cluster.requests().filter(request => request.userAgent === 'rehearse' && isWrite(request));
      const told = new Map(record.writes.map(write => [write.auditId, write]));
      expect(saw.length).toBeGreaterThan(4);
      expect(new Set(told.keys())).toEqual(new Set(saw.map(({ auditID }) => auditID)));
      for (const { auditID, requestURI, responseStatus } of saw)
        expect(told.get(auditID)).toMatchObject({ path: requestURI, status: responseStatus.code });
    },
    4 * MINUTES,
  );

  test(
    'the API server is killed in every phase of a drill: it goes on, the target is as it was, and no write is missing in the record',
    async () => {
      optIn({});
      const kubeconfig = String(cluster.workplace.environment['KUBECONFIG']);
      const direct = await connect({ kubeconfig, context: cluster.context });
      const before = await look(direct, 'shop');
      const drill = workplace.start('run', 'bad-image', '--plain', '--context', cluster.context);
      let over = false;
      void drill.ended.then(() => {
        over = true;
      });
      const killedAt: string[] = [];
      while (!over) {
        const next = eventTypes(workplace.reports).find(type => PHASES.includes(type) && !killedAt.includes(type));
        if (next !== undefined) {
          killedAt.push(next);
          cluster.killApiServer();
          await cluster.untilReady();
        }
        await sleep(20);
      }
      const { code, stdout, stderr } = await drill.ended;
      // vitest takes lines with ` at https:` for a stack trace, and stumbles.
      const told = `exit code ${code}, killed at ${killedAt.join(', ')}\n${stdout}\n${stderr}`.replaceAll(' at ', ' @ ');
      const record = workplace.record();
      console.info(`API server killed ${killedAt.length} times: ${record.verdict.outcome}, ${record.verdict.reason}`);
      expect(killedAt.sort(), told).toEqual([...PHASES].sort());
      // Restarts take their time, so an objective may be missed; that the drill itself was thrown off course is a failure.
      expect(['met', 'missed'], told).toContain(record.verdict.outcome);
      expect(record.moments.restored, told).toBeDefined();
      expect(record.restore?.proven, told).toBe(true);
      expect(record.runbook.steps.map(({ outcome }) => outcome)).not.toContain('failed');
      expect([...differences(before, await look(direct, 'shop')), ...(await leftovers(direct, 'shop'))], told).toEqual([]);
      expect(workplace.journals()).toEqual([]);
      direct.close();
      // A killed server may not have logged its last requests; those that it logged are all in the record.
      const ids = new Set(record.writes.map(({ auditId }) => auditId));
      const saw = cluster.requests().filter(request => request.userAgent === 'rehearse' && isWrite(request));
      expect(saw.length).toBeGreaterThan(4);
      expect(saw.filter(({ auditID }) => !ids.has(auditID))).toEqual([]);
    },
    6 * MINUTES,
  );
});

/** Not dry runs, questions asked by POST, or what goes through a proxy to the app. */
function isWrite({ verb, requestURI }: AuditedRequest): boolean {
  return (
    WRITES.includes(verb) &&
    !requestURI.includes('dryRun=') &&
    !requestURI.includes('/proxy/') &&
    !requestURI.startsWith('/apis/authorization.k8s.io/')
  );
}
