/**
 * Commands that change something and do not say where. The run pins cluster and namespace for what it runs itself; in a terminal of
 * their own, at night, people have only the command and whatever their kubeconfig points at.
 */
import type { RunbookDocument } from './document.ts';
import type { Problem } from './problems.ts';
import { atWord, type TypedCommand, typedCommands } from './typed-commands.ts';

interface Tool {
  /** As a reader writes it. */
  name: string;
  changes: Set<string>;
  /** Words after the verb that only read. */
  reads: Set<string>;
  /** Options that say which namespace; none when the tool has no such thing. */
  namespace: string[];
  context: string[];
  fix: { namespace: string; context: string };
}

const KUBECTL: Tool = {
  name: 'kubectl',
  changes: new Set(
    'annotate apply autoscale cordon create delete drain edit label patch replace rollout scale set taint uncordon'.split(' '),
  ),
  reads: new Set(['status', 'history']),
  namespace: ['-n', '--namespace', '-A', '--all-namespaces'],
  context: ['--context', '--kubeconfig', '--cluster', '-s', '--server'],
  fix: { namespace: '-n {{namespace}}', context: '--context {{context}}' },
};

const TOOLS: Record<string, Tool> = {
  kubectl: KUBECTL,
  oc: { ...KUBECTL, name: 'oc' },
  'kubectl-argo-rollouts': {
    ...KUBECTL,
    name: 'kubectl argo rollouts',
    changes: new Set('abort create pause promote restart retry set terminate undo'.split(' ')),
  },
  helm: {
    name: 'helm',
    changes: new Set('delete del install rollback uninstall un upgrade'.split(' ')),
    reads: new Set(),
    namespace: ['-n', '--namespace'],
    context: ['--kube-context', '--kubeconfig', '--kube-apiserver'],
    fix: { namespace: '-n {{namespace}}', context: '--kube-context {{context}}' },
  },
  flux: {
    name: 'flux',
    changes: new Set('delete reconcile resume suspend'.split(' ')),
    reads: new Set(),
    namespace: ['-n', '--namespace'],
    context: ['--context', '--kubeconfig', '--server'],
    fix: { namespace: '-n {{namespace}}', context: '--context {{context}}' },
  },
  argocd: {
    name: 'argocd app',
    changes: new Set('create delete delete-resource edit patch patch-resource rollback set sync terminate-op unset'.split(' ')),
    reads: new Set(),
    namespace: [],
    context: ['--argocd-context', '--server', '--core', '--kube-context'],
    fix: { namespace: '', context: '--server <the Argo CD of this environment>' },
  },
};

/** What is not in any namespace. */
const CLUSTER_WIDE_VERBS = new Set(['cordon', 'drain', 'taint', 'uncordon']);
const CLUSTER_WIDE_KINDS =
  /^(no|nodes?|ns|namespaces?|pv|persistentvolumes?|sc|storageclass(es)?|crds?|customresourcedefinitions?|clusterroles?|clusterrolebindings?|priorityclass(es)?|pc)(\/|$)/i;

export function unsafeCommands(document: RunbookDocument): Problem[] {
  const problems: Problem[] = [];
  const withoutContext: { command: TypedCommand; tool: Tool; verb: string }[] = [];
  // What an earlier command pinned holds for those after it.
  const pinned = { namespace: false, context: false };
  for (const command of typedCommands(document)) {
    pinned.namespace ||= pinsNamespace(command.words);
    pinned.context ||= pinsContext(command.words);
    const { tool, rest } = toolOf(command.words);
    const verb = tool && changingVerb(tool, rest);
    if (!tool || verb === undefined) continue;
    if (tool.namespace.length > 0 && !pinned.namespace && !names(rest, tool.namespace) && !isClusterWide(verb, rest)) {
      const message = `\`${tool.name} ${verb}\` names no namespace: by hand it changes whatever namespace is current`;
      problems.push({
        ...atWord(document, command, command.words[0] ?? ''),
        severity: 'warning',
        message,
        hint: `add \`${tool.fix.namespace}\``,
      });
    }
    if (!pinned.context && !names(rest, tool.context)) withoutContext.push({ command, tool, verb });
  }
  const [first] = withoutContext;
  if (first) {
    // Once a runbook: one habit is behind all of them.
    const others = withoutContext.length - 1;
    const more = others > 0 ? ` (so ${others === 1 ? 'does one more command' : `do ${others} more commands`})` : '';
    const message = `\`${first.tool.name} ${first.verb}\` names no context: by hand it changes whatever cluster is current${more}`;
    const hint = `add \`${first.tool.fix.context}\`, or begin with a step that selects the context`;
    problems.push({ ...atWord(document, first.command, first.command.words[0] ?? ''), severity: 'warning', message, hint });
  }
  return problems;
}

function toolOf(words: string[]): { tool: Tool | undefined; rest: string[] } {
  const [program = '', second, third] = words;
  if (program === 'kubectl' && second === 'argo' && third === 'rollouts')
    return { tool: TOOLS['kubectl-argo-rollouts'], rest: words.slice(3) };
  if (program === 'argocd' && second !== 'app') return { tool: undefined, rest: [] };
  const name = program.split('/').at(-1) ?? '';
  return { tool: Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined, rest: words.slice(program === 'argocd' ? 2 : 1) };
}

/** The verb, when it changes something: `kubectl rollout status` and anything with `--dry-run` do not. */
function changingVerb(tool: Tool, rest: string[]): string | undefined {
  if (rest.some(word => /^--dry-run(=(?!none)|$)/.test(word))) return undefined;
  const index = rest.findIndex((word, at) => tool.changes.has(word) && !takesValue(rest[at - 1]));
  const before = rest.slice(0, Math.max(0, index)).filter((word, at) => !word.startsWith('-') && !takesValue(rest[at - 1]));
  if (index < 0 || before.length > 0 || tool.reads.has(rest[index + 1] ?? '')) return undefined;
  return rest[index];
}

/** An option before the verb that has its value behind it. */
function takesValue(word: string | undefined): boolean {
  return word !== undefined && /^(-n|-s|--(namespace|context|kubeconfig|cluster|server|kube-context|user|token))$/.test(word);
}

function names(words: string[], options: string[]): boolean {
  return words.some(word =>
    options.some(option =>
      option.startsWith('--')
        ? word === option || word.startsWith(`${option}=`)
        : word.startsWith(option) && !word.startsWith('--'),
    ),
  );
}

function isClusterWide(verb: string, rest: string[]): boolean {
  if (CLUSTER_WIDE_VERBS.has(verb)) return true;
  return CLUSTER_WIDE_KINDS.test(rest.slice(rest.indexOf(verb) + 1).find(word => !word.startsWith('-')) ?? '');
}

function pinsNamespace(words: string[]): boolean {
  const line = words.join(' ');
  return /^(kubens|oc project) \S/.test(line) || /^kubectl config set-context .*--namespace/.test(line);
}

function pinsContext(words: string[]): boolean {
  const line = words.join(' ');
  return (
    /^(kubectx|kubectl config use-context|kubectl config use|oc login|helm env) \S/.test(line) ||
    /^(export )?KUBECONFIG=\S/.test(line) ||
    /^export .*\bKUBECONFIG=/.test(line) ||
    /^(aws eks update-kubeconfig|gcloud container clusters get-credentials|az aks get-credentials|argocd (login|context) \S)/.test(
      line,
    )
  );
}
