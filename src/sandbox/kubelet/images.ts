/** The images that the sandbox knows: names for programs that ship with us. Nothing is ever downloaded. */

export const SHOP_VERSIONS = ['1.4.0', '1.4.1', '1.4.2', '1.5.0', '1.5.1', '1.6.0', '1.6.1', '1.7.0'] as const;

export interface ImageReference {
  /** With the registry's host: `docker.io/library/busybox`. */
  repository: string;
  tag: string | undefined;
  digest: string | undefined;
  /** Fully qualified, as a container runtime names it: `docker.io/library/busybox:latest`. */
  canonical: string;
}

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const HOST = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*)(?::\\d+)?';
/** github.com/distribution/reference: [host/]path[:tag][@digest]. */
const REFERENCE = new RegExp(
  `^((?:${HOST}/)?${COMPONENT}(?:/${COMPONENT})*)(?::([\\w][\\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`,
);

/** undefined for a name that no registry could hold. */
export function parseImage(image: string): ImageReference | undefined {
  const match = REFERENCE.exec(image);
  if (!match) return undefined;
  const [, name, tag, digest] = match as unknown as [string, string, string | undefined, string | undefined];
  const [first, ...others] = name.split('/');
  const hasHost = others.length > 0 && (/[.:]/.test(first as string) || first === 'localhost');
  let repository = hasHost ? name : `docker.io/${name}`;
  if (hasHost && first === 'index.docker.io') repository = `docker.io/${others.join('/')}`;
  if (/^docker\.io\/[^/]+$/.test(repository)) repository = repository.replace('docker.io/', 'docker.io/library/');
  const canonical = digest ? `${repository}@${digest}` : `${repository}:${tag ?? 'latest'}`;
  return { repository, tag: digest ? tag : (tag ?? 'latest'), digest, canonical };
}

/** What a container of an image runs when its spec says nothing else. */
export interface Image {
  canonical: string;
  /** As `imageID` shows it. */
  id: string;
  entrypoint: string[];
  command: string[];
  env: Record<string, string>;
  workingDir: string;
  /** Commands of the image besides the shell's and busybox' own. */
  programs: Record<string, string>;
  sizeBytes: number;
}

const NGINX_TAG =
  /^(1\.(14\.2|16\.1|(1[4-9]|2[0-9])(\.\d+)?)|latest|stable|mainline|alpine|perl)(-(alpine|perl|slim|alpine-slim|bookworm|trixie)[\d.]*)*$/;
const BUSYBOX_TAG = /^(1|1\.\d+(\.\d+)?|latest|stable|unstable|musl|glibc|uclibc)(-(musl|glibc|uclibc))?$/;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function imageId(canonical: string): string {
  // A digest has 64 hex digits; ours only has to be stable and to differ between images.
  let hash = 0xcbf29ce484222325n;
  let digits = '';
  for (let round = 0; round < 4; round++) {
    for (const byte of Buffer.from(`${round}${canonical}`)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
    digits += hash.toString(16).padStart(16, '0');
  }
  return `${canonical.replace(/[:@][^/]*$/, '')}@sha256:${digits}`;
}

/** The image behind a reference; undefined when no such one exists. */
export function findImage({ repository, tag, digest, canonical }: ImageReference): Image | undefined {
  if (digest || tag === undefined) return undefined;
  const name = repository.slice(repository.lastIndexOf('/') + 1);
  const base = { canonical, id: imageId(canonical), workingDir: '/', entrypoint: [], programs: {} };
  if (/(^|\/)rehearse\/shop$/.test(repository) && (SHOP_VERSIONS as readonly string[]).includes(tag)) {
    return {
      ...base,
      entrypoint: ['node', '/app/shop.mjs'],
      command: [],
      env: { PATH, SHOP_VERSION: tag },
      workingDir: '/app',
      programs: { shop: 'shop', 'shop.mjs': 'shop' },
      sizeBytes: 43_000_000,
    };
  }
  if (name === 'busybox' && BUSYBOX_TAG.test(tag)) return { ...base, command: ['sh'], env: { PATH }, sizeBytes: 2_223_000 };
  if (name === 'nginx' && NGINX_TAG.test(tag)) {
    return {
      ...base,
      command: ['nginx', '-g', 'daemon off;'],
      env: { PATH, NGINX_VERSION: /^\d/.test(tag) ? tag.replace(/-.*/, '') : '1.29.0' },
      programs: { nginx: 'nginx' },
      sizeBytes: 72_000_000,
    };
  }
  if (repository.startsWith('registry.k8s.io/') && name === 'pause') {
    return { ...base, command: ['/pause'], env: { PATH }, programs: { pause: 'pause' }, sizeBytes: 320_000 };
  }
  return undefined;
}

/** containerd's answer for an image that does not exist. */
export function notFoundMessage({ canonical, repository }: ImageReference): string {
  const resolve = `failed to resolve reference "${canonical}"`;
  // docker.io tells a missing repository and a missing tag apart, and never says which to a stranger.
  const known = ['busybox', 'nginx', 'pause', 'shop'].includes(repository.slice(repository.lastIndexOf('/') + 1));
  if (repository.startsWith('docker.io/') && !known) {
    return (
      `failed to pull and unpack image "${canonical}": ${resolve}: pull access denied, repository does not exist or may require authorization: ` +
      'server message: insufficient_scope: authorization failed'
    );
  }
  return `rpc error: code = NotFound desc = failed to pull and unpack image "${canonical}": ${resolve}: ${canonical}: not found`;
}

/** Programs that every image has: busybox' applets that dist/programs/busybox.mjs implements. */
const APPLETS = [
  '[',
  'ash',
  'basename',
  'cat',
  'cp',
  'date',
  'dirname',
  'echo',
  'env',
  'expr',
  'false',
  'grep',
  'head',
  'hostname',
  'httpd',
  'id',
  'kill',
  'ls',
  'mkdir',
  'mv',
  'nc',
  'nslookup',
  'printenv',
  'printf',
  'pwd',
  'rm',
  'seq',
  'sh',
  'sleep',
  'tail',
  'test',
  'touch',
  'tr',
  'true',
  'uname',
  'usleep',
  'wc',
  'wget',
  'whoami',
  'yes',
] as const;
const BIN = /^\/(usr\/)?(local\/)?s?bin\//;

export type ResolvedCommand = { program: string; args: string[] } | { error: string };

/**
 * Which of our programs a container's command means. Names only choose among what ships with us: no path, script or
 * option of a real interpreter is ever run.
 * @returns runc's message as `error` for a command that the image does not have.
 */
export function resolveCommand(
  image: Pick<Image, 'entrypoint' | 'command' | 'programs'>,
  command: readonly string[],
  args: readonly string[],
): ResolvedCommand {
  const argv = command.length > 0 ? [...command, ...args] : [...image.entrypoint, ...(args.length > 0 ? args : image.command)];
  const [file, ...rest] = argv;
  if (file === undefined) return { error: 'no command specified' };
  const base = file.slice(file.lastIndexOf('/') + 1);
  const inPath = !file.includes('/') || BIN.test(file);
  if (base === 'node' && inPath && Object.keys(image.programs).includes('shop')) {
    const script = rest[0]?.slice(rest[0].lastIndexOf('/') + 1);
    if (script !== undefined && image.programs[script]) return { program: image.programs[script], args: rest.slice(1) };
    return { error: `exec: "node": the sandbox runs no code of yours, only the programs that ship with it (node /app/shop.mjs)` };
  }
  const own = Object.hasOwn(image.programs, base) ? image.programs[base] : undefined;
  if (own && (inPath || file === `/${base}`)) return { program: own, args: rest };
  if (base === 'busybox' && inPath) return { program: 'busybox', args: rest.length > 0 ? rest : ['sh'] };
  if ((APPLETS as readonly string[]).includes(base) && inPath) return { program: 'busybox', args: [base, ...rest] };
  return {
    error: file.includes('/')
      ? `exec: "${file}": stat ${file}: no such file or directory`
      : `exec: "${file}": executable file not found in $PATH`,
  };
}
