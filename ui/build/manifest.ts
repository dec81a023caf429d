/**
 * Writes `build.json` beside the built files: SHA-256 of every source and of every file that came out.
 * The platform serves only what is listed there; a test compares the sources with it, without Node.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '..');
const NO_SOURCE = new Set(['node_modules', 'generated', 'scripts', '.gitignore']);

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

function walk(folder: string, skip: (name: string) => boolean): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (skip(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? walk(path, skip) : [path];
  });
}

/** Maps each path below `root` (with forward slashes, sorted) to its SHA-256. */
export function digests(root: string, skip: (name: string) => boolean): Record<string, string> {
  const named = walk(root, skip).map((path) => [relative(root, path).split(sep).join('/'), sha256(path)] as const);
  return Object.fromEntries(named.sort(([a], [b]) => (a < b ? -1 : 1)));
}

export const isNoSource = (name: string): boolean => NO_SOURCE.has(name) || name.endsWith('.test.ts');

export function manifest(): Plugin {
  let out = '';
  return {
    name: 'extremeearth:manifest',
    apply: 'build',
    configResolved(config) {
      out = join(config.root, config.build.outDir);
      if (config.build.outDir.startsWith('/')) out = config.build.outDir;
    },
    closeBundle() {
      const content = {
        about: 'Written by `npm run build` in ui/. Do not edit.',
        sources: digests(FOLDER, isNoSource),
        files: digests(out, (name) => name === 'build.json'),
      };
      writeFileSync(join(out, 'build.json'), `${JSON.stringify(content, null, 1)}\n`);
    },
  };
}
