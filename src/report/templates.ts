/** The Handlebars templates in templates/*.hbs, each a partial of its name, and the helpers they share. */
import { readdirSync, readFileSync } from 'node:fs';
import Handlebars from 'handlebars';
import { packageFile } from '../package-file.ts';
import { formatDuration } from '../record/duration.ts';
import { keepUnits } from './format.ts';

const FOLDER = ['src', 'report', 'templates'];
type Template = (view: object) => string;
let handlebars: typeof Handlebars | undefined;
const compiled = new Map<string, Template>();

/**
 * `preventIndent`: what stands in a `pre` must not move to the right with the partial it is in. `strict`: a name in a template that the view does not have is an error, not an empty place.
 */
export function template(name: string): Template {
  let made = compiled.get(name);
  if (!made) {
    made = environment().compile(`{{> ${name}}}`, { strict: true, preventIndent: true });
    compiled.set(name, made);
  }
  return made;
}

export function styleSheet(): string {
  return minified(readFileSync(packageFile(...FOLDER, 'report.css'), 'utf8'));
}

function environment(): typeof Handlebars {
  if (handlebars) return handlebars;
  handlebars = Handlebars.create();
  for (const file of readdirSync(packageFile(...FOLDER))) {
    if (!file.endsWith('.hbs')) continue;
    handlebars.registerPartial(file.slice(0, -4), readFileSync(packageFile(...FOLDER, file), 'utf8'));
  }
  handlebars.registerHelper({ duration, prose, inc: (index: number) => index + 1 });
  return handlebars;
}

/** A duration with its units set smaller than its figures. */
function duration(ms: unknown): Handlebars.SafeString {
  const html = typeof ms === 'number' ? formatDuration(ms).replace(/ ?([a-z]+)/g, '<span class="unit">\u2009$1</span>') : '';
  return new Handlebars.SafeString(html);
}

/** Text in which `code` stands between backticks. */
function prose(text: unknown): Handlebars.SafeString {
  return new Handlebars.SafeString(
    Handlebars.escapeExpression(keepUnits(String(text ?? ''))).replace(/&#x60;(.+?)&#x60;/g, '<code>$1</code>'),
  );
}

/** Comments and indentation are for those who edit the file. */
function minified(css: string): string {
  return css
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,]) ?/g, '$1')
    .replace(/;}/g, '}')
    .trim();
}
