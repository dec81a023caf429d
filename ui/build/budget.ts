/** Fails the build when the JavaScript of the first load, gzipped, exceeds the budget. */
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

export function budget({ limitKilobytes }: { limitKilobytes: number }): Plugin {
  return {
    name: 'extremeearth:budget',
    apply: 'build',
    generateBundle(_options, bundle) {
      const wanted = Object.values(bundle).flatMap((part) => (part.type === 'chunk' && part.isEntry ? [part.fileName] : []));
      const seen = new Set<string>();
      let bytes = 0;
      while (wanted.length > 0) {
        const name = wanted.pop() as string;
        const part = bundle[name];
        if (seen.has(name) || part?.type !== 'chunk') continue;
        seen.add(name);
        bytes += gzipSync(part.code, { level: 9 }).length;
        wanted.push(...part.imports);
      }
      const kilobytes = bytes / 1000;
      const sentence = `first load: ${kilobytes.toFixed(1)} kB of JavaScript, gzipped (limit ${limitKilobytes})`;
      if (kilobytes > limitKilobytes) this.error(sentence);
      this.info(sentence);
    },
  };
}
