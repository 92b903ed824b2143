/**
 * The YAML inside a runbook: its front matter and the ```yaml rehearse fence of a step. These schemas are the source of
 * validation and types; docs/runbooks.md explains them. The Markdown around them is read by parse.ts.
 */
import * as z from 'zod';
import { phaseName } from '../record/events.ts';
import { durationMs } from '../scenario/schema.ts';

const duration = z
  .string()
  .regex(/^(\d+(\.\d+)?)(ms|s|m|h)$/, 'a duration such as 500ms, 10s, 2m')
  .transform(durationMs);

/** YAML reads 5 and true where a person meant text. */
const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const texts = z.union([text.transform(one => [one]), z.array(text).min(1)]);

const stepId = z.string().regex(/^[\p{Ll}\p{Lo}\p{N}][\p{Ll}\p{Lo}\p{N}-]*$/u, 'lower-case letters, digits and dashes');

/** As environment variables these would change how every command runs. */
const TAKEN = /^(path|home|shell|user|pwd|ifs|env|bash[-_]?env|tmpdir|lang|kubeconfig|node[-_]?options|(ld|dyld)[-_].*)$/i;
const variableName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, 'a letter, then letters, digits, - or _')
  .refine(name => !TAKEN.test(name), { message: 'this name is taken: commands would get it as an environment variable' });

const pattern = z.string().refine(
  source => {
    try {
      new RegExp(source, 'm');
      return true;
    } catch {
      return false;
    }
  },
  { message: 'not a regular expression' },
);

const outcomes = z.enum(['passed', 'failed', 'skipped', 'timed-out']);

export const conditionSchema = z
  .strictObject({
    step: stepId.describe('Id of an earlier step.').optional(),
    outcome: z
      .union([outcomes.transform(one => [one]), z.array(outcomes).min(1)])
      .describe('How it ended; passed when left out.')
      .optional(),
    answer: text.describe('What was answered to its question.').optional(),
    contains: text.describe('Text in its output.').optional(),
    tag: z.string().describe('A tag of the scenario.').optional(),
  })
  .describe('Everything given must hold.')
  .superRefine((value, context) => {
    const about = value.outcome ?? value.answer ?? value.contains;
    if (value.step === undefined && about !== undefined) {
      context.addIssue({ code: 'custom', message: 'outcome, answer and contains need `step`: the id of an earlier step' });
    }
    if (value.step === undefined && value.tag === undefined) {
      context.addIssue({ code: 'custom', message: 'a condition needs `step` or `tag`' });
    }
  });

const expectSchema = z.strictObject({
  exitCode: z
    .union([
      z
        .number()
        .int()
        .transform(one => [one]),
      z.array(z.number().int()).min(1),
    ])
    .describe('Exit codes of a command that count as good; 0 when left out.')
    .optional(),
  contains: texts.describe('Text that the output must contain; every one of a list.').optional(),
  lacks: texts.describe('Text that must not be in the output.').optional(),
  matches: pattern.describe('A regular expression that the output must match; ^ and $ are those of a line.').optional(),
});

const showable = z.enum(['changes', 'pods', 'events', 'logs', 'service-level']);

const branch = z.strictObject({
  label: text.describe('What a person picks.'),
  when: conditionSchema.describe('Taken without a person when it holds; the first that does wins.').optional(),
  go: stepId.describe('Id of the step to go on with, or `end`.'),
});

const actions = {
  do: z
    .enum(['await-detection', 'diagnose', 'rollback', 'verify'])
    .describe('A part of the rehearsal itself, with the means that the scenario names.')
    .optional(),
  show: showable.describe('Evidence, read from the cluster and the probes.').optional(),
  run: texts.describe('A command, or a list of them. When left out, the shell fences of the step are run.').optional(),
  assert: z
    .strictObject({
      run: texts.describe("The command; the step's shell fences when left out.").optional(),
      every: duration.describe('Distance between two tries.').prefault('2s'),
    })
    .describe('Repeats a command until `expect` holds or `timeout` is over.')
    .optional(),
  ask: z
    .strictObject({
      text: z.string().min(1).describe('The question.'),
      kind: z.enum(['text', 'number', 'choice']).prefault('text'),
      choices: z.array(text).min(2).optional(),
      min: z.number().optional(),
      max: z.number().optional(),
      answer: text.describe('Used when nobody is at the keyboard.').optional(),
      as: variableName.describe('Name of the variable that holds the answer in later steps.').optional(),
    })
    .superRefine((value, context) => {
      if ((value.kind === 'choice') !== (value.choices !== undefined)) {
        context.addIssue({ code: 'custom', path: ['kind'], message: '`kind: choice` and `choices` belong together' });
      }
      if (value.answer !== undefined && value.choices && !value.choices.includes(value.answer)) {
        context.addIssue({ code: 'custom', path: ['answer'], message: `the answer is none of: ${value.choices.join(', ')}` });
      }
      const number = Number(value.answer);
      const numeric = value.answer === undefined || (value.answer.trim() !== '' && Number.isFinite(number));
      if (value.kind === 'number' && !numeric) {
        context.addIssue({ code: 'custom', path: ['answer'], message: 'the answer is not a number' });
      }
    })
    .optional(),
  confirm: z
    .union([
      z
        .string()
        .min(1)
        .transform(question => ({ text: question, answer: undefined })),
      z.strictObject({
        text: z.string().min(1),
        answer: z.boolean().describe('Used when nobody is at the keyboard.').optional(),
      }),
    ])
    .optional(),
  decide: z
    .strictObject({
      text: z.string().min(1).describe('The question.'),
      branches: z.array(branch).min(2),
      answer: text.describe('Label of the branch to take when nobody is at the keyboard and no `when` holds.').optional(),
    })
    .superRefine((value, context) => {
      const labels = value.branches.map(one => one.label);
      if (value.answer !== undefined && !labels.includes(value.answer)) {
        context.addIssue({ code: 'custom', path: ['answer'], message: `the answer is no branch's label: ${labels.join(', ')}` });
      }
    })
    .optional(),
  wait: duration.describe('Pauses this long.').optional(),
  notify: z
    .union([
      z
        .string()
        .min(1)
        .transform(message => ({ text: message, to: undefined })),
      z.strictObject({ text: z.string().min(1), to: z.string().min(1).optional() }),
    ])
    .describe('Something to tell others; goes on the record, a person sends it.')
    .optional(),
};

export type ActionName = keyof typeof actions;
const ACTIONS = Object.keys(actions) as ActionName[];

export const stepSchema = z
  .strictObject({
    id: stepId.describe('How other steps refer to this one; made from the heading when left out.').optional(),
    phase: phaseName.describe('The phase of recovery that the step belongs to.').optional(),
    owner: text.describe('The role that does it.').optional(),
    expected: duration.describe('How long it should take.').optional(),
    timeout: duration.describe('It is ended, and has failed, after this long.').optional(),
    retries: z.number().int().min(0).max(100).describe('How often to try again after a failure.').prefault(0),
    retryAfter: duration.describe('Pause before trying again.').prefault('1s'),
    optional: z
      .boolean()
      .describe('The runbook goes on when this step fails: it gathers evidence, nothing depends on it.')
      .prefault(false),
    when: conditionSchema.describe('The step is skipped unless this holds.').optional(),
    expect: expectSchema.describe('What a good result looks like.').optional(),
    shell: z.boolean().describe('Gives the commands to a shell, for pipes and the like.').prefault(false),
    breakGlass: z.boolean().describe('Needs the elevated access that the front matter describes.').prefault(false),
    ...actions,
  })
  .superRefine((value, context) => {
    const given = ACTIONS.filter(action => value[action] !== undefined);
    const [first, second] = given;
    if (first !== undefined && second !== undefined) {
      context.addIssue({
        code: 'custom',
        path: [second],
        message: `a step does one thing: \`${first}\` and \`${second}\` belong into two steps`,
      });
    }
  });

export type StepSettings = z.infer<typeof stepSchema>;
export type Condition = z.infer<typeof conditionSchema>;
export type Expectation = z.infer<typeof expectSchema>;
export type Showable = z.infer<typeof showable>;

const breakGlassSchema = z.strictObject({
  procedure: z.string().min(1).describe('What to do, or a link to it.'),
  approvers: texts.describe('Who may allow it.').optional(),
  account: z.string().describe('The elevated service account or kubeconfig context.').optional(),
  expires: duration.describe('How long the access lasts at most.').optional(),
});

/** Open, because runbooks written for other tools carry fields of theirs; checkRunbook tells of those that nobody reads. */
export const frontMatterSchema = z.looseObject({
  title: text.describe('One line for lists and reports; the first # heading when left out.').optional(),
  service: text.describe('The service that the runbook is about.').optional(),
  owners: texts.describe('Teams or roles that keep it right.').optional(),
  lastRehearsed: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/, 'a date such as 2026-11-02')
    .describe('When somebody last followed it.')
    .optional(),
  breakGlass: breakGlassSchema.describe('How to get elevated access when the normal way does not do.').optional(),
  expected: z
    .record(stepId, duration)
    .describe('How long steps should take, by id; wins over what a step says. Reports print it, ready to paste.')
    .optional(),
  vars: z.record(variableName, text).describe('Variables for the commands: {{name}}.').optional(),
});

export type FrontMatter = z.infer<typeof frontMatterSchema>;
