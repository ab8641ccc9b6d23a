/**
 * How the client is bundled for browsers: the explorer's page, and what the bench
 * measures.
 *
 * @module
 */

/** @satisfies {import('esbuild').BuildOptions} */
export const OPTIONS = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  legalComments: 'none',
};
