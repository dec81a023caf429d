/** @type {import('@sveltejs/vite-plugin-svelte').SvelteConfig} */
export default {
  compilerOptions: {
    runes: true,
    // The class that scopes a style depends on the style alone, never on where the file lies.
    cssHash: ({ hash, css }) => `s-${hash(css)}`,
  },
};
