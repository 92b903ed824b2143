/** Transcripts of a terminal: what was typed stands after a prompt, the rest is what came back and must never be run. */

/** `$ `, `~/shop $ `, `(venv) $ `, `mira@web1:~$ `, `[root@web1 ~]# `, `bash-5.1$ `. */
const PROMPT =
  /^\s*(?:\([\w.-]+\)\s)?(?:[~/][\w./-]*\s)?(?:\$|❯|➜|(?:\[[\w.-]+@[^\]\n]*\]|[\w.-]+@[\w.-]+(?::[^\s$#%>]*)?|(?:ba|z|k)?sh(?:-[\d.]+)?)\s?[$#%])\s+(?=\S)/;
/** In a transcript only: in a script `# ` begins a comment, and `% ` and `> ` mean other things. */
const BARE_PROMPT = /^\s*[#%]\s+(?=\S)/;

/** Whether a text is a transcript: a line of it begins with a prompt. */
export function hasPrompt(text: string): boolean {
  return text.split('\n').some(line => PROMPT.test(line));
}

/**
 * Only what was typed, on the lines where it stood; the others are empty. Without any prompt all of it was typed.
 *
 * @param transcript written as one (```console): then a lone `#` or `%` is a prompt as well
 */
export function typedLines(text: string, transcript: boolean): string {
  const lines = text.split('\n');
  const prompt = hasPrompt(text) ? PROMPT : transcript && lines.some(line => BARE_PROMPT.test(line)) ? BARE_PROMPT : undefined;
  if (!prompt) return text;
  let goesOn = false;
  return lines
    .map(line => {
      const indent = /^\s*/.exec(line)?.[0] ?? '';
      const typed = prompt.test(line) ? indent + line.replace(prompt, '') : goesOn ? line.replace(/^\s*> /, '') : '';
      goesOn = typed.endsWith('\\');
      return typed;
    })
    .join('\n');
}
