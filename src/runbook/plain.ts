/** The runbook of a scenario that names none, for people: the plain order of the phases. */
export const PLAIN_RUNBOOK = `# The plain order

There is no runbook for this: four steps that every recovery has.

## Wait for the alert

\`\`\`yaml rehearse
do: await-detection
\`\`\`

## Find the change that caused it

\`\`\`yaml rehearse
do: diagnose
\`\`\`

What changed, and when did the trouble begin?

## Roll it back

\`\`\`yaml rehearse
do: rollback
\`\`\`

## Verify

\`\`\`yaml rehearse
do: verify
\`\`\`
`;
