/** Runbooks written for other tools: read, shown and checked as they are; what is output in them is never run. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { markdownLines } from '../../src/practice/markdown-text.ts';
import { displayWidth, styleFor, wrap } from '../../src/reporters/style.ts';
import { checkRunbook } from '../../src/runbook/check.ts';
import { readRunbook } from '../../src/runbook/read.ts';
import { showRunbook } from '../../src/runbook/show.ts';

const folder = fileURLToPath(new URL('foreign/', import.meta.url));
const style = styleFor({ colour: false, unicode: true });
const drawing = (width: number) => ({
  width,
  style,
  markdown: (text: string, columns: number, hides: (language: string, info: string) => boolean) =>
    markdownLines(text, columns, style, hides),
  wrap,
});

/** Id of each step, and what it would run. */
const STEPS: Record<string, [string, string[]][]> = {
  'deutsch.md': [
    [
      'prüfe-ob-die-warteschlange-wächst',
      ['kubectl -n bestellung get pods', 'kubectl -n bestellung logs deployment/verarbeiter --tail=50'],
    ],
    ['größe-überprüfen', ['kubectl -n bestellung exec deployment/verarbeiter -- zaehle-nachrichten --schlange "eingang"']],
    ['verarbeiter-neu-starten', ['kubectl -n bestellung rollout restart deployment/verarbeiter']],
  ],
  'hugo-toml.md': [
    [
      'check-coredns',
      ['kubectl -n kube-system get pods -l k8s-app=kube-dns', 'kubectl -n kube-system logs -l k8s-app=kube-dns --tail 50'],
    ],
    [
      'resolve-from-a-pod',
      ['kubectl run -n default -it --rm dnstest --image=busybox:1.36 --restart=Never -- nslookup kubernetes.default'],
    ],
    [
      'restart',
      [
        'kubectl -n kube-system rollout restart deployment coredns',
        'kubectl -n kube-system rollout frobnicate deployment coredns',
      ],
    ],
  ],
  // What stands in a comment is not there.
  'jekyll.md': [['steps', ['kubectl scale deployment/{{ page.consumer }} --replicas=6 -n queue']]],
  'no-headings.md': [
    [
      'step-1',
      [
        'curl -sS "http://search.shop.internal:9200/products/_count"',
        'kubectl create job --from=cronjob/import import-by-hand -n search',
      ],
    ],
  ],
  'numbered-list.md': [
    ['find-the-worker-that-is-stuck', ['kubectl get pods -n ingest -l app=worker']],
    ['look-at-its-log', ['kubectl logs -n ingest worker-0 --since=10m']],
    ['delete-it-the-statefulset-makes-a-new-one', ['kubectl delete pod -n ingest worker-0 --grace-period=120']],
  ],
  'prompts.md': [
    ['find-it', ['kubectl get nodes', 'kubectl describe node node-b | grep -A5 Conditions']],
    ['on-the-node', ['df -h /var/lib/containerd', 'crictl rmi --prune']],
    ['as-root-without-a-name', ['journalctl --vacuum-size=500M']],
    ['as-the-service-user', ['du -sh *']],
    ['put-it-back', ['kubectl uncordon node-b']],
  ],
  // What Runme leaves out of "run all" is for people here, too.
  'runme.md': [
    ['point-at-the-right-cluster', ['export KUBECONFIG=[Path of the kubeconfig]']],
    ['latency-of-the-pods', ['kubectl top pods -n checkout --containers']],
    ['watch-it-settle', ['kubectl rollout status deployment/checkout -n checkout --timeout=3m']],
  ],
  'setext.md': [
    ['check-replication', ['kubectl -n data exec postgres-0 -- patronictl list']],
    ['fail-over', ['kubectl -n data exec postgres-1 -- patronictl failover postgres \\\n    --candidate postgres-1 --force']],
  ],
  'sop-template.md': [
    ['list-releases', ['RELEASE=<release-name>', 'helm history "$RELEASE" --max 5']],
    ['roll-back', ['helm rollback "$RELEASE" 0 --wait', 'argocd app rollback shop 41']],
    ['confirm', ['helm status "$RELEASE" && echo "done"']],
  ],
  'tabs-and-nesting.md': [
    [
      'prepare',
      [
        'vault kv get -field=key secret/signing > key.pem',
        'kubectl -n auth create secret generic signing --from-file=key.pem --dry-run=client -o yaml | kubectl apply -f -',
        'kubectl -n auth rollout restart deploy/issuer',
        'kubectl -n auth get events',
      ],
    ],
  ],
  'unindented-list.md': [
    ['see-which-one', ['openssl x509 -in /etc/ssl/internal/ca.pem -noout -enddate']],
    ['renew', ['systemctl start renew-internal-ca.service', 'systemctl status renew-internal-ca.service --no-pager']],
    ['check', ['openssl s_client -connect ca.internal.example:443 </dev/null']],
  ],
  'wiki-export.md': [
    [
      'diagnosis',
      [
        'kubectl get pods -n edge -l app=gateway -o wide',
        "kubectl logs -n edge -l app=gateway --tail=100 | grep ' 50[0-9] '",
        'kubectl rollout history deployment/gateway -n edge',
      ],
    ],
    ['roll-back', ['kubectl rollout undo deployment/gateway']],
    ['scale-out', ['kubectl scale deployment/gateway --replicas=10 -n edge --wiat']],
  ],
  'windows.md': [
    ['free-space', ['docker system prune --force \\\n  --filter "until=48h"']],
    ['check', ['df -h /var/lib/docker']],
  ],
};

test('every runbook in the folder is looked at', () => {
  expect(Object.keys(STEPS).sort()).toEqual(readdirSync(folder).sort());
});

describe.each(Object.keys(STEPS))('%s', name => {
  test('has the steps that a reader sees, and would run what was typed and nothing else', async () => {
    const document = await readRunbook(folder + name);
    const steps = document.steps.map(({ id, action }) => [
      id,
      action.kind === 'run' && !action.commands.shell ? action.commands.lines.map(line => line.source) : [],
    ]);
    expect(steps).toEqual(STEPS[name]);
    for (const step of document.steps) expect(step.markdown, step.id).not.toBe('');
  });

  test.each([40, 80])('is shown within %i columns, with all of its text', async width => {
    const document = await readRunbook(folder + name);
    const lines = showRunbook(document, drawing(width));
    for (const line of lines) expect(displayWidth(line), line).toBeLessThanOrEqual(width);
    const shown = lines.join('').replace(/\W/g, '');
    for (const [, commands] of STEPS[name] ?? [])
      for (const command of commands) for (const word of command.match(/\w+/g) ?? []) expect(shown).toContain(word);
    for (const [id] of STEPS[name] ?? []) expect(showRunbook(document, drawing(width), id).length).toBeGreaterThan(2);
  });

  test('is checked: every problem stands where an editor can find it and says what to do', async () => {
    const document = await readRunbook(folder + name);
    const problems = await checkRunbook(folder + name);
    expect(problems.length).toBeGreaterThan(0);
    const lines = document.source.split(/\r?\n/);
    for (const problem of problems) {
      expect(lines[problem.line - 1]).toBe(problem.source);
      expect(problem.column).toBeLessThanOrEqual(Math.max(1, problem.source.length));
      expect(problem.message).not.toMatch(/undefined|\[object/);
    }
    expect(problems.map(problem => problem.message)).toContainEqual(expect.stringContaining('no step names its phase'));
  });
});

test('front matter of another shape is left out field by field, not as a whole', async () => {
  const document = await readRunbook(`${folder}jekyll.md`);
  expect(document).toMatchObject({ title: 'Queue depth above 100k', owners: [] });
  expect(document.tolerated.map(({ line, message }) => [line, message])).toEqual([[5, expect.stringContaining('`owners`')]]);
});
