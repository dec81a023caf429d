import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { baseMap } from './build/basemap.ts';
import { budget } from './build/budget.ts';
import { manifest } from './build/manifest.ts';

const platform = process.env['EXTREMEEARTH_UI_BACKEND'] ?? 'http://127.0.0.1:8000';
const routes = ['/stac', '/processes', '/jobs', '/download', '/health'];

export default defineConfig({
  base: './',
  plugins: [baseMap(), svelte(), budget({ limitKilobytes: 180 }), manifest()],
  build: {
    outDir: process.env['EXTREMEEARTH_UI_OUT'] ?? '../src/extremeearth/product/web/static',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: Object.fromEntries(routes.map((route) => [route, platform])) },
  test: { include: ['src/**/*.test.ts', 'build/**/*.test.ts'], environment: 'node' },
});
