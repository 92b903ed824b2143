/**
 * The releases of the shop and what each brings with it. The version alone decides, as in life: nothing in an image's
 * name, its environment or its arguments tells a good release from a bad one.
 */

/** How a release deviates from a good one; each field is what a user or an operator would meet. */
export interface Behaviour {
  /** Share of business requests that fail with 500, 0..1. */
  readonly errorRate: number;
  /** Additional time of a business request in ms, drawn evenly between the two. */
  readonly extraLatencyMs: readonly [number, number];
  /** Ends with exit code 3 before it listens, after logging why. */
  readonly crashesAtStart: boolean;
  /** Listens and lives, but its readiness check never passes. */
  readonly neverReady: boolean;
  /** Bytes kept for good: per business request, and twice a second without any. */
  readonly leakBytes: { readonly perRequest: number; readonly perHalfSecond: number };
}

export const GOOD: Behaviour = {
  errorRate: 0,
  extraLatencyMs: [0, 0],
  crashesAtStart: false,
  neverReady: false,
  leakBytes: { perRequest: 0, perHalfSecond: 0 },
};

const MIB = 1024 * 1024;

const RELEASES: Readonly<Record<string, Partial<Behaviour>>> = {
  '1.4.0': {},
  '1.4.1': {},
  '1.4.2': {},
  '1.5.0': { errorRate: 0.35 },
  '1.5.1': { extraLatencyMs: [600, 900] },
  '1.6.0': { crashesAtStart: true },
  '1.6.1': { neverReady: true },
  // About 9 MiB a second at the traffic of a drill: a container limited to 128 MiB lasts some 8 to 10 seconds.
  '1.7.0': { leakBytes: { perRequest: MIB, perHalfSecond: 3 * MIB } },
};

/** Every version that exists: images are built of these, and no other tag can be pulled. */
export const SHOP_VERSIONS: readonly string[] = Object.keys(RELEASES);

/** The behaviour of a version. An unknown one (a developer's own build) behaves well. */
export function behaviourOf(version: string): Behaviour {
  const release = Object.hasOwn(RELEASES, version) ? RELEASES[version] : undefined;
  return { ...GOOD, ...release };
}
