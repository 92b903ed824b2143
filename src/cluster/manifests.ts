import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { RawObject } from '../rehearsal/ports.ts';

/** Every object of a folder's YAML files, files in the order of their names. */
export async function readManifests(directory: string): Promise<RawObject[]> {
  const files = (await readdir(directory)).filter(file => /\.ya?ml$/.test(file)).sort();
  const texts = await Promise.all(files.map(file => readFile(join(directory, file), 'utf8')));
  return texts
    .flatMap(text => parseAllDocuments(text).map(document => document.toJS() as RawObject | null))
    .filter(object => object !== null);
}
