/** How a drill is played: automatically, by a person (--practice), or by a person who does not know what it is (--blind). */
import { userInfo } from 'node:os';
import { EXIT, RehearseError } from '../errors/errors.ts';
import type { RoleAssignment } from '../runbook/environment.ts';
import { commonGround, drawScenario, drawSeed } from '../scenario/draw.ts';
import { type LoadedScenario, listScenarios, loadScenario } from '../scenario/load.ts';
import { forPeople } from '../scenario/practice.ts';
import { bind, type ClusterArguments, placeOf } from './bind.ts';

export interface PlayArguments {
  scenarios: readonly string[];
  practice: boolean;
  blind: boolean;
  seed?: number | undefined;
  as?: string | undefined;
  role: readonly string[];
  away: readonly string[];
}

export interface Play {
  mode: 'automatic' | 'practice';
  operator: string;
  roles: RoleAssignment[];
  loaded: LoadedScenario;
  blind: BlindPlay | undefined;
}

export interface BlindPlay {
  seed: number;
  /** All that could have been drawn. */
  candidates: LoadedScenario[];
  common: ReturnType<typeof commonGround>;
  /** Before the first deploy, with everything in place; ms. */
  quietMs: number;
}

/** The scenario of this run, and who plays. @throws RehearseError (usage), InvalidInput */
export async function choosePlay(args: PlayArguments & ClusterArguments): Promise<Play> {
  const { blind } = args;
  const practice = args.practice || blind;
  if (!practice && (args.as !== undefined || args.role.length > 0 || args.away.length > 0))
    throw usage('--as, --role and --away say who practises', 'add --practice or --blind');
  if (!blind && args.seed !== undefined) throw usage('--seed repeats the draw of a blind drill', 'add --blind');
  if (!blind && args.scenarios.length > 1)
    throw usage(
      `one drill at a time: ${args.scenarios.join(', ')}`,
      'name one scenario; several are for --blind, which draws one of them',
    );
  const people = {
    mode: practice ? ('practice' as const) : ('automatic' as const),
    operator: args.as ?? userInfo().username,
    roles: rolesOf(args.role, args.away),
  };
  if (blind) return { ...people, ...(await draw(args)) };
  const loaded = await loadScenario(args.scenarios[0] ?? 'error-rate');
  return { ...people, loaded: practice ? { ...loaded, scenario: forPeople(loaded.scenario) } : loaded, blind: undefined };
}

async function draw(args: PlayArguments & ClusterArguments): Promise<Pick<Play, 'loaded' | 'blind'>> {
  const named = args.scenarios.length > 0;
  const given = named ? [...args.scenarios] : (await listScenarios()).map(listed => listed.path);
  // A mistake on the command line is told, not taken for scenarios that do not fit.
  await placeOf(args);
  const bound = await Promise.all(
    (await Promise.all(given.map(loadScenario))).map(async one => {
      one.scenario = forPeople(one.scenario);
      const binding = bind(one.scenario, args).then(({ scenario }) => [{ one, scenario }]);
      // Of a whole folder those are drawn from that can be run here.
      return named ? binding : binding.catch(() => []);
    }),
  );
  const candidates = bound.flat().map(({ one }) => one);
  if (candidates.length < 2)
    throw usage('a blind drill is drawn from several scenarios', 'name two or more, or none for all of them');
  const seed = args.seed ?? drawSeed(Math.random);
  const { drawn, quietMs } = drawScenario(candidates, one => one.scenario.metadata.name, seed);
  const common = commonGround(bound.flat().map(({ scenario }) => scenario));
  return { loaded: drawn, blind: { seed, candidates, quietMs, common } };
}

/** `rollback owner=Grace`, and who of them is away. */
function rolesOf(given: readonly string[], away: readonly string[]): RoleAssignment[] {
  const roles = new Map<string, RoleAssignment>();
  for (const text of given) {
    const [role = '', person = ''] = text.split('=', 2).map(part => part.trim());
    if (role === '' || person === '')
      throw usage(`--role ${text} names no ${role === '' ? 'role' : 'person'}`, 'write --role "rollback owner=Grace"');
    roles.set(role.toLowerCase(), { role, person, away: false });
  }
  for (const name of away) {
    const known = roles.get(name.trim().toLowerCase());
    if (!known)
      throw usage(`--away ${name}: nobody has that role`, `say who has it as well: --role "${name}=Grace" --away "${name}"`);
    known.away = true;
  }
  return [...roles.values()];
}

function usage(message: string, hint: string): RehearseError {
  return new RehearseError(message, { exitCode: EXIT.usage, hint });
}
